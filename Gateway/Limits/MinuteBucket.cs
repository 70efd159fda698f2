namespace Gateway.Limits;

/// <summary>
/// How much of a limit a minute is used: grows with what is taken, drains continuously at the limit's rate, and refuses what would lift it
/// above the limit. Kept as the used amount, not as what is left, so that a limit that changes forgets nothing and a raised one opens at
/// once. Counted in 60,000ths: what drains in a millisecond is a whole number of them, so that nothing is ever rounded. Not thread-safe.
/// </summary>
internal struct MinuteBucket
{
    /// <summary>Parts of one request or token, and milliseconds of a minute.</summary>
    internal const long Parts = 60_000;

    /// <summary>The most that is kept, 150 thousand million tokens: exact in a double too, which scripts in Redis count with.</summary>
    internal const long Most = 9_000_000_000_000_000;

    private long _used;
    private long _at;
    private long _limit;

    /// <summary>Whether it has drained at a moment.</summary>
    public bool IsEmptyAt(long now)
    {
        Drain(now);
        return _used == 0;
    }

    /// <summary>Brings it to a moment, and to a limit that may have changed since.</summary>
    /// <param name="now">Milliseconds on a clock that does not go back.</param>
    /// <param name="limit">The limit a minute, at least one.</param>
    public void Advance(long now, long limit)
    {
        Drain(now);
        if (limit < _limit)
        {
            // What was used under the old limit fills the new one at most, and what was owed takes as long to pay as before: otherwise a
            // limit cut to a hundredth would shut its holder out for hours.
            var owed = (long)((Int128)_used * limit / _limit);
            _used = Math.Min(_used, Math.Max(limit * Parts, owed));
        }

        _limit = limit;
    }

    /// <summary>How many milliseconds until an amount is there; zero is now. Only behind <see cref="Advance"/>.</summary>
    public readonly long WaitFor(long amount) => Ceiling(_used - ((_limit - amount) * Parts));

    /// <summary>Takes an amount, there or not; a negative one gives back.</summary>
    public void Take(long now, long amount)
    {
        Drain(now);
        var parts = Math.Clamp(amount, -Most / Parts, Most / Parts) * Parts;
        _used = Math.Clamp(_used + parts, 0, Most);
    }

    /// <summary>The bucket as headers tell it. Only behind <see cref="Advance"/>.</summary>
    public readonly LimitLevel ToLevel() =>
        new(_limit, Math.Max(0, ((_limit * Parts) - _used) / Parts), TimeSpan.FromMilliseconds(Ceiling(_used)));

    private readonly long Ceiling(long parts) => parts <= 0 ? 0 : ((parts - 1) / _limit) + 1;

    private void Drain(long now)
    {
        var passed = now - _at;
        if (_used > 0)
        {
            // Compared before it is multiplied: a holder may come back after a year.
            _used = passed >= Ceiling(_used) ? 0 : _used - (passed * _limit);
        }

        _at = now;
    }
}
