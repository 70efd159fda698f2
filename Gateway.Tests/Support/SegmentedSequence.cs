using System.Buffers;

namespace Gateway.Tests.Support;

/// <summary>Builds sequences whose segments are cut where a test wants them.</summary>
internal static class SegmentedSequence
{
    public static ReadOnlySequence<byte> Create(params IReadOnlyList<byte[]> parts)
    {
        if (parts.Count == 0)
        {
            return default;
        }

        var first = new Segment(parts[0], 0);
        var last = first;
        for (var i = 1; i < parts.Count; i++)
        {
            last = last.Append(parts[i]);
        }

        return new ReadOnlySequence<byte>(first, 0, last, last.Memory.Length);
    }

    /// <summary>Cuts the bytes into segments of one size.</summary>
    public static ReadOnlySequence<byte> Create(byte[] bytes, int segmentSize) => Create([.. bytes.Chunk(segmentSize)]);

    private sealed class Segment : ReadOnlySequenceSegment<byte>
    {
        public Segment(byte[] bytes, long runningIndex)
        {
            Memory = bytes;
            RunningIndex = runningIndex;
        }

        public Segment Append(byte[] bytes)
        {
            var next = new Segment(bytes, RunningIndex + Memory.Length);
            Next = next;
            return next;
        }
    }
}
