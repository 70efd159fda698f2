using System.Buffers;
using System.Text;
using System.Text.Unicode;

namespace OpenRouterGateway.Transforms.RequestBody;

/// <summary>Validates UTF-8 piece by piece; a sequence may span pieces. A mutable struct: keep it in one field.</summary>
internal struct Utf8Validator
{
    // A sequence cut by the end of a piece.
    private uint _partial;
    private int _partialLength;

    /// <summary>The number of bytes at the end of the last piece that begin a sequence without completing it.</summary>
    public readonly int IncompleteLength => _partialLength;

    /// <summary>Validates the next piece. Returns the bytes up to the end of the first invalid sequence, or all of them.</summary>
    /// <param name="piece">The next bytes of the body.</param>
    /// <param name="offset">The offset of the piece in the body.</param>
    /// <param name="brokenAt">The offset of the first invalid sequence, or <see langword="null"/>.</param>
    public ReadOnlySpan<byte> Validate(ReadOnlySpan<byte> piece, long offset, out long? brokenAt)
    {
        brokenAt = null;
        var i = 0;
        if (_partialLength > 0)
        {
            i = CompletePartial(piece, offset, out brokenAt);
            if (brokenAt is not null || _partialLength > 0)
            {
                return piece[..i];
            }
        }

        var tail = IncompleteTail(piece[i..]);
        var whole = piece[i..^tail];
        if (!Utf8.IsValid(whole))
        {
            var (start, length) = FirstInvalid(whole);
            brokenAt = offset + i + start;
            return piece[..(i + start + length)];
        }

        foreach (var b in piece[^tail..])
        {
            _partial = (_partial << 8) | b;
            _partialLength++;
        }

        return piece;
    }

    /// <summary>Adds bytes to the incomplete sequence until it is complete. Returns how many bytes of the piece belong to it.</summary>
    private int CompletePartial(ReadOnlySpan<byte> piece, long offset, out long? brokenAt)
    {
        brokenAt = null;
        Span<byte> sequence = stackalloc byte[4];
        var start = offset - _partialLength;
        for (var i = 0; i < piece.Length; i++)
        {
            _partial = (_partial << 8) | piece[i];
            _partialLength++;
            for (var j = 0; j < _partialLength; j++)
            {
                sequence[j] = (byte)(_partial >> (8 * (_partialLength - 1 - j)));
            }

            switch (Rune.DecodeFromUtf8(sequence[.._partialLength], out _, out _))
            {
                case OperationStatus.Done:
                    _partial = 0;
                    _partialLength = 0;
                    return i + 1;
                case OperationStatus.InvalidData:
                    brokenAt = start;
                    return i;
            }
        }

        return piece.Length;
    }

    /// <summary>The number of bytes at the end that begin a sequence without completing it.</summary>
    private static int IncompleteTail(ReadOnlySpan<byte> bytes)
    {
        for (var back = 1; back <= Math.Min(3, bytes.Length); back++)
        {
            var b = bytes[^back];
            if (b < 0x80)
            {
                return 0;
            }

            if (b >= 0xC0)
            {
                var length = b >= 0xF0 ? 4 : b >= 0xE0 ? 3 : 2;
                return length > back ? back : 0;
            }
        }

        return 0;
    }

    private static (int Start, int Length) FirstInvalid(ReadOnlySpan<byte> bytes)
    {
        var i = 0;
        int consumed;
        while (Rune.DecodeFromUtf8(bytes[i..], out _, out consumed) == OperationStatus.Done)
        {
            i += consumed;
        }

        return (i, consumed);
    }
}
