namespace HopBenchmark;

/// <summary>Counts the lines of an event stream that begin with <c>data:</c>, wherever its bytes are split.</summary>
internal struct EventCounter
{
    private const int Ordinary = -1;

    private int _matched; // bytes of "data:" at the beginning of a line, or Ordinary behind another beginning

    public int Count(ReadOnlySpan<byte> bytes)
    {
        var events = 0;
        foreach (var b in bytes)
        {
            if (b == '\n')
            {
                _matched = 0;
            }
            else if (_matched >= 0)
            {
                _matched = b == "data:"u8[_matched] ? _matched + 1 : Ordinary;
                if (_matched == "data:"u8.Length)
                {
                    events++;
                    _matched = Ordinary;
                }
            }
        }

        return events;
    }
}
