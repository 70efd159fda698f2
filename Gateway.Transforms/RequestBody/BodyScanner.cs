using System.Buffers;
using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;

namespace OpenRouterGateway.Transforms.RequestBody;

/// <summary>
/// Scans a request body once, piece by piece as it arrives. Checks that the body is exactly one JSON object (RFC 8259, UTF-8, with an
/// optional byte order mark) and collects its routing members. Everything else is skipped.
/// </summary>
/// <remarks>
/// <see cref="Utf8Validator"/> checks the encoding, <see cref="JsonObjectScanner"/> the grammar. A scanner is for one body and not
/// thread-safe.
/// </remarks>
internal sealed class BodyScanner : IDisposable
{
    // A piece is validated as UTF-8 and then scanned. It is small enough to stay in the cache for the second pass.
    private const int PieceSize = 32 * 1024;

    private Utf8Validator _utf8;
    private JsonObjectScanner _json = new();
    private long _offset; // of the next piece

    /// <summary>The first fault of the body; <see langword="null"/> if none was found so far.</summary>
    public BodyFault? Fault => _json.Fault;

    /// <summary>Scans the next bytes of the body. The scanner does not keep them.</summary>
    /// <returns>Whether no fault was found so far; see <see cref="Fault"/>.</returns>
    public bool Scan(ReadOnlySpan<byte> bytes)
    {
        while (Fault is null && !bytes.IsEmpty)
        {
            var piece = bytes[..Math.Min(bytes.Length, PieceSize)];
            bytes = bytes[piece.Length..];
            var sound = _utf8.Validate(piece, _offset, out var brokenAt);
            _json.Scan(sound, _offset);
            if (brokenAt is { } offset)
            {
                // Reported after the scan of the preceding bytes: the first fault is the same for every split into pieces.
                _json.Fail(offset, "invalid UTF-8");
            }

            _offset += piece.Length;
        }

        return Fault is null;
    }

    /// <summary>Ends the scan.</summary>
    /// <param name="body">The bytes that were scanned; model names are read from them.</param>
    /// <param name="facts">The facts about the body; <see langword="null"/> if it has a fault.</param>
    /// <returns>Whether the body is one JSON object; if not, see <see cref="Fault"/>.</returns>
    public bool TryComplete(in ReadOnlySequence<byte> body, [NotNullWhen(true)] out BodyFacts? facts)
    {
        Debug.Assert(body.Length == _offset || Fault is not null, "the scan saw another body");
        facts = null;
        if (Fault is null && _utf8.IncompleteLength > 0)
        {
            _json.Fail(_offset - _utf8.IncompleteLength, "invalid UTF-8");
        }

        if (Fault is null && !_json.IsAtEnd)
        {
            _json.Fail(_offset, _offset == 0 ? "the body is empty" : "the body ends too early");
        }

        if (Fault is not null)
        {
            return false;
        }

        facts = _json.ToFacts((int)_offset, body);
        return true;
    }

    /// <summary>Returns the array that deep nesting has rented.</summary>
    public void Dispose() => _json.Dispose();
}
