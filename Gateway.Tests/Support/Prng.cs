namespace Gateway.Tests.Support;

/// <summary>Xorshift: bytes that look random and are the same in every run.</summary>
internal sealed class Prng
{
    private ulong _state;

    public Prng(ulong seed)
    {
        _state = seed | 1;
    }

    public ulong Next()
    {
        _state ^= _state << 13;
        _state ^= _state >> 7;
        _state ^= _state << 17;
        return _state;
    }

    public void Fill(Span<byte> bytes)
    {
        foreach (ref var value in bytes)
        {
            value = (byte)Next();
        }
    }
}
