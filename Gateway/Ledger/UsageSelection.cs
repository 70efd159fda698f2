namespace Gateway.Ledger;

/// <summary>The rows whose usage is summed up, and their grouping. The default is all rows by team.</summary>
internal sealed record UsageSelection
{
    /// <summary>The grouping: one or more members, each once.</summary>
    public IReadOnlyList<UsageGroup> Groups { get; init; } = [UsageGroup.Team];

    /// <summary>The start, inclusive; <see langword="null"/> for no bound.</summary>
    public DateTimeOffset? From { get; init; }

    /// <summary>The end, exclusive; <see langword="null"/> for no bound.</summary>
    public DateTimeOffset? To { get; init; }

    /// <summary>The ids of teams; empty for all.</summary>
    public IReadOnlyList<string> Teams { get; init; } = [];

    /// <summary>Keys: labels of any team, or <c>team/label</c>; empty for all.</summary>
    public IReadOnlyList<string> Keys { get; init; } = [];

    /// <summary>
    /// Patterns of models: names in which <c>*</c> stands for any run of characters, in any case; empty for all. They match the name by
    /// which <see cref="UsageGroup.Model"/> groups.
    /// </summary>
    public IReadOnlyList<string> Models { get; init; } = [];

    /// <summary>Whether only rows without a known bill are selected.</summary>
    public bool IsUnresolvedOnly { get; init; }
}
