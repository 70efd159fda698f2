using Gateway.Ledger;

namespace Gateway.CommandLine;

/// <summary>The arguments of <c>usage</c>.</summary>
internal sealed record UsageArguments
{
    /// <summary>
    /// The rows and their grouping (<c>--group</c>, <c>--team</c>, <c>--key</c>, <c>--model</c>, <c>--from</c>, <c>--to</c>,
    /// <c>--unresolved</c>).
    /// </summary>
    public UsageSelection Selection { get; init; } = new();

    /// <summary>The length of the period that ends now (<c>--last</c>), in place of a start and an end.</summary>
    public TimeSpan? Last { get; init; }

    /// <summary>The format (<c>--format</c>, <c>--csv</c>).</summary>
    public UsageFormat Format { get; init; }
}
