using System.Buffers;

namespace OpenRouterGateway.Transforms.RequestBody;

/// <summary>Reads the punctuation between the values of a body that was scanned.</summary>
internal static class JsonGap
{
    private const int WindowSize = 64;

    /// <summary>Whether an array or object has nothing between its brackets.</summary>
    /// <param name="body">The body.</param>
    /// <param name="value">The value, brackets included.</param>
    public static bool IsEmpty(in ReadOnlySequence<byte> body, ByteRange value)
    {
        foreach (var segment in body.Slice(value.Start + 1, value.Length - 2))
        {
            if (segment.Span.ContainsAnyExcept(" \t\r\n"u8))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>The offset of the comma before a member; -1 if the member is the first one.</summary>
    /// <param name="body">The body.</param>
    /// <param name="start">The offset of the member's name.</param>
    public static int CommaBefore(in ReadOnlySequence<byte> body, int start)
    {
        Span<byte> window = stackalloc byte[WindowSize];
        while (start > 0)
        {
            var from = Math.Max(0, start - WindowSize);
            var part = window[..(start - from)];
            body.Slice(from, part.Length).CopyTo(part);
            var at = part.LastIndexOfAnyExcept(" \t\r\n"u8);
            if (at >= 0)
            {
                return part[at] == (byte)',' ? from + at : -1;
            }

            start = from;
        }

        return -1;
    }
}
