using Gateway.Ledger;

namespace Gateway.CommandLine;

/// <summary>What <c>usage</c> is to print.</summary>
internal sealed record UsageArguments
{
    /// <summary>What usage is summed up by (<c>--group</c>).</summary>
    public UsageGroup Group { get; init; }

    /// <summary>From when on (<c>--from</c>), inclusive; <see langword="null"/> for the beginning.</summary>
    public DateTimeOffset? From { get; init; }

    /// <summary>Until when (<c>--to</c>), exclusive; <see langword="null"/> for now.</summary>
    public DateTimeOffset? To { get; init; }

    /// <summary>Whether to print CSV in place of a table (<c>--csv</c>).</summary>
    public bool Csv { get; init; }
}
