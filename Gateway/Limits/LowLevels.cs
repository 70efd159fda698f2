namespace Gateway.Limits;

/// <summary>
/// The lowest levels of a bucket of tokens after its charges. A charge that proves too high is taken back only as far as the bucket has not been
/// emptier since: the rest has drained, and would otherwise be an allowance of past minutes beside that of the present one. The bucket then
/// has exactly the level that it would have if the charge had been right from the start. Amounts are those of <see cref="MinuteBucket"/>.
/// Not thread-safe.
/// </summary>
/// <remarks>
/// Between two charges a level only sinks, so the level before each charge and the present one suffice. Neighbouring charges with the same
/// lowest level form a group; groups in the order of their charges have rising levels.
/// </remarks>
internal sealed class LowLevels
{
    /// <summary>
    /// The number of groups above which the two with the least difference become one, with the lower level: a little less is given back then.
    /// </summary>
    internal const int MaxGroups = 16;

    private readonly List<Group> _groups = [];
    private long _lastCharge;

    /// <summary>Notes a charge.</summary>
    /// <param name="level">The level before it.</param>
    /// <returns>The number of the charge.</returns>
    public long Charge(long level)
    {
        Note(level);
        _groups.Add(new Group(++_lastCharge, MinuteBucket.Most));
        if (_groups.Count > MaxGroups)
        {
            Merge();
        }

        return _lastCharge;
    }

    /// <summary>Takes an amount of a charge back.</summary>
    /// <param name="charge">The number of the charge.</param>
    /// <param name="level">The present level.</param>
    /// <param name="amount">The amount.</param>
    /// <returns>The part of the amount that the bucket gives back.</returns>
    public long GiveBack(long charge, long level, long amount)
    {
        Note(level);
        var group = _groups.Count - 1;
        while (_groups[group].First > charge)
        {
            group--;
        }

        var given = Math.Min(amount, _groups[group].Level);
        for (var i = group; i < _groups.Count; i++)
        {
            _groups[i] = _groups[i] with { Level = _groups[i].Level - given };
        }

        while (group > 0 && _groups[group - 1].Level >= _groups[group].Level)
        {
            _groups[group] = _groups[group] with { First = _groups[group - 1].First };
            _groups.RemoveAt(--group);
        }

        return given;
    }

    /// <summary>Notes a level, which all earlier charges have seen.</summary>
    private void Note(long level)
    {
        long? first = null;
        while (_groups.Count > 0 && _groups[^1].Level >= level)
        {
            first = _groups[^1].First;
            _groups.RemoveAt(_groups.Count - 1);
        }

        if (first is { } charge)
        {
            _groups.Add(new Group(charge, level));
        }
    }

    private void Merge()
    {
        var least = 1;
        for (var i = 2; i < _groups.Count; i++)
        {
            if (Difference(i) < Difference(least))
            {
                least = i;
            }
        }

        _groups.RemoveAt(least);

        long Difference(int i) => _groups[i].Level - _groups[i - 1].Level;
    }

    /// <summary>The charges from one on, up to the next group.</summary>
    /// <param name="First">The number of the first charge.</param>
    /// <param name="Level">The lowest level since the last charge of the group.</param>
    private readonly record struct Group(long First, long Level);
}
