using System.Buffers;

namespace Gateway.Tests.Support;

/// <summary>Bytes that count how often they are asked for: each parser that begins to read them, or a part of them, asks once or twice.</summary>
internal sealed class CountedMemory(byte[] bytes) : MemoryManager<byte>
{
    /// <summary>The bytes as one segment.</summary>
    public ReadOnlySequence<byte> Sequence => new(CreateMemory(bytes.Length));

    /// <summary>How often the bytes were asked for.</summary>
    public int Reads { get; private set; }

    public override Span<byte> GetSpan()
    {
        Reads++;
        return bytes;
    }

    public override MemoryHandle Pin(int elementIndex = 0) => throw new NotSupportedException();

    public override void Unpin() => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
    }
}
