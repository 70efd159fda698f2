namespace Soak.Chaos;

/// <summary>Counts calls and whole responses.</summary>
internal sealed class Availability
{
    private int _calls;
    private int _successes;

    public int Calls => _calls;

    public void Count(bool isSuccess)
    {
        Interlocked.Increment(ref _calls);
        if (isSuccess)
        {
            Interlocked.Increment(ref _successes);
        }
    }

    public override string ToString() =>
        _calls == 0 ? "no calls" : FormattableString.Invariant($"{100.0 * _successes / _calls:0.0} % of {_calls}");
}
