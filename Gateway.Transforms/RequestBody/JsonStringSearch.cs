using System.Buffers;
using System.Numerics;
using System.Runtime.Intrinsics;

namespace OpenRouterGateway.Transforms.RequestBody;

/// <summary>Finds the end of plain text in a JSON string, with vector instructions.</summary>
internal static class JsonStringSearch
{
    // The distance that is searched in place before the search for long runs starts.
    private const int NearRun = 4 * 16;

    private static readonly SearchValues<byte> StringStops = SearchValues.Create(
        [.. Enumerable.Range(0, 0x20).Select(control => (byte)control), (byte)'"', (byte)'\\']);

    /// <summary>
    /// Finds the next quote, backslash or control character at or after <paramref name="at"/>. Returns the length of the piece if there is
    /// none.
    /// </summary>
    public static int NextStop(ReadOnlySpan<byte> piece, int at)
    {
        // Texts with quotes and line breaks have many stops: a few vectors in place cost less than the set-up of the search for long runs.
        var near = Math.Min(piece.Length - Vector128<byte>.Count, at + NearRun);
        for (; at <= near; at += Vector128<byte>.Count)
        {
            var bytes = Vector128.Create(piece.Slice(at, Vector128<byte>.Count));
            var stops = Vector128.LessThan(bytes, Vector128.Create((byte)0x20))
                | Vector128.Equals(bytes, Vector128.Create((byte)'"'))
                | Vector128.Equals(bytes, Vector128.Create((byte)'\\'));
            if (stops != Vector128<byte>.Zero)
            {
                return at + BitOperations.TrailingZeroCount(stops.ExtractMostSignificantBits());
            }
        }

        var run = piece[at..].IndexOfAny(StringStops);
        return run < 0 ? piece.Length : at + run;
    }

    /// <summary>Skips an escape that is completely in the piece. An incomplete or invalid escape is left to the state machine.</summary>
    public static bool TryPassEscape(ReadOnlySpan<byte> piece, ref int i)
    {
        if (i == piece.Length)
        {
            return false;
        }

        if (IsSimpleEscape(piece[i]))
        {
            i++;
            return true;
        }

        if (piece[i] == 'u' && piece.Length - i > 4
            && char.IsAsciiHexDigit((char)piece[i + 1]) && char.IsAsciiHexDigit((char)piece[i + 2])
            && char.IsAsciiHexDigit((char)piece[i + 3]) && char.IsAsciiHexDigit((char)piece[i + 4]))
        {
            i += 5;
            return true;
        }

        return false;
    }

    /// <summary>Whether a byte after a backslash is an escape of one character; <c>u</c> is not.</summary>
    public static bool IsSimpleEscape(byte b) =>
        b is (byte)'"' or (byte)'\\' or (byte)'/' or (byte)'b' or (byte)'f' or (byte)'n' or (byte)'r' or (byte)'t';
}
