using Gateway.Ledger;

namespace Gateway.CommandLine;

/// <summary>The arguments of <c>usage</c>.</summary>
internal sealed record UsageArguments
{
    /// <summary>The grouping (<c>--group</c>).</summary>
    public UsageGroup Group { get; init; }

    /// <summary>The start (<c>--from</c>), inclusive; <see langword="null"/> for no bound.</summary>
    public DateTimeOffset? From { get; init; }

    /// <summary>The end (<c>--to</c>), exclusive; <see langword="null"/> for no bound.</summary>
    public DateTimeOffset? To { get; init; }

    /// <summary>Whether to print CSV in place of a table (<c>--csv</c>).</summary>
    public bool Csv { get; init; }
}
