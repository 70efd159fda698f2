namespace Gateway.Tests.Support;

/// <summary>A small seeded generator (xorshift64*), so that a run can be repeated from the seed it prints.</summary>
internal sealed class TestRandom(ulong seed)
{
    private ulong _state = (seed * 0x9E3779B97F4A7C15) | 1;

    public int Next(int exclusiveMax)
    {
        _state ^= _state >> 12;
        _state ^= _state << 25;
        _state ^= _state >> 27;
        return (int)((_state * 0x2545F4914F6CDD1D >> 33) % (ulong)exclusiveMax);
    }
}
