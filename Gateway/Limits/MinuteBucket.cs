namespace Gateway.Limits;

/// <summary>
/// A leaky bucket for a limit per minute. It drains continuously at the limit's rate and refuses an amount that would exceed the limit. It
/// stores the used amount rather than the remaining amount, so that usage survives a change of the limit and a raised limit takes effect at
/// once. Amounts are stored in units of 1/60,000: an integral number of units drains per millisecond, so nothing is rounded. Not
/// thread-safe.
/// </summary>
internal struct MinuteBucket
{
    /// <summary>The number of units of one request or token; also the number of milliseconds of a minute.</summary>
    internal const long Parts = 60_000;

    /// <summary>The time in which a full bucket drains: nothing is left after it of a charge that is not above the limit.</summary>
    internal static readonly TimeSpan Period = TimeSpan.FromMinutes(1);

    /// <summary>The upper bound of the level: 150 billion tokens. It is exact in a double, the number type of Redis scripts.</summary>
    internal const long Most = 9_000_000_000_000_000;

    private LowLevels? _lows;
    private long _used;
    private long _at;
    private long _limit;

    /// <summary>Advances the bucket to a time, and returns whether it is empty.</summary>
    public bool IsEmptyAt(long now)
    {
        Drain(now);
        return _used == 0;
    }

    /// <summary>Advances the bucket to a time, and to a limit that may have changed.</summary>
    /// <param name="now">Milliseconds of a monotonic clock.</param>
    /// <param name="limit">The limit per minute, at least one.</param>
    public void Advance(long now, long limit)
    {
        Drain(now);
        if (limit < _limit)
        {
            // Usage within the old limit becomes at most the new limit, and an overdraft takes as long to drain as before. Otherwise a
            // limit that is cut to a hundredth would block its holder for hours.
            var owed = (long)((Int128)_used * limit / _limit);
            _used = Math.Min(_used, Math.Max(limit * Parts, owed));
        }

        _limit = limit;
    }

    /// <summary>The number of milliseconds until an amount is available. Call <see cref="Advance"/> first.</summary>
    public readonly long WaitFor(long amount) => Ceiling(_used - ((_limit - amount) * Parts));

    /// <summary>Takes the estimated amount of a request unconditionally.</summary>
    /// <returns>The number of the charge, for <see cref="GiveBack"/>.</returns>
    public long Charge(long now, long amount)
    {
        Drain(now);
        var charge = (_lows ??= new LowLevels()).Charge(_used);
        Take(now, amount);
        return charge;
    }

    /// <summary>Gives back an amount of a charge, as far as the bucket has not drained it since: see <see cref="LowLevels"/>.</summary>
    public void GiveBack(long now, long charge, long amount)
    {
        Drain(now);
        _used -= _lows!.GiveBack(charge, _used, Math.Min(amount, Most / Parts) * Parts);
    }

    /// <summary>Takes an amount unconditionally; a negative amount gives back.</summary>
    public void Take(long now, long amount)
    {
        Drain(now);
        var parts = Math.Clamp(amount, -Most / Parts, Most / Parts) * Parts;
        _used = Math.Clamp(_used + parts, 0, Most);
    }

    /// <summary>The level for headers. Call <see cref="Advance"/> first.</summary>
    public readonly LimitLevel ToLevel() =>
        new(_limit, Math.Max(0, ((_limit * Parts) - _used) / Parts), TimeSpan.FromMilliseconds(Ceiling(_used)));

    private readonly long Ceiling(long parts) => parts <= 0 ? 0 : ((parts - 1) / _limit) + 1;

    private void Drain(long now)
    {
        var passed = now - _at;
        if (_used > 0)
        {
            // Compared first, since the multiplication would overflow after a long pause.
            _used = passed >= Ceiling(_used) ? 0 : _used - (passed * _limit);
        }

        _at = now;
    }
}
