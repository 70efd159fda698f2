namespace HopBenchmark;

/// <summary>The options of the command line.</summary>
internal sealed record HopComparisonOptions
{
    /// <summary>The scenarios to run; empty for all.</summary>
    public required IReadOnlyList<string> Scenarios { get; init; }

    /// <summary>The hops to measure; empty for all.</summary>
    public required IReadOnlyList<string> Hops { get; init; }

    /// <summary>Other published gateways, by their name in the tables.</summary>
    public required IReadOnlyList<(string Name, string Program)> OtherGateways { get; init; }

    /// <summary>A folder with the native gateway, which is published there if missing; <see langword="null"/> for none.</summary>
    public required string? Native { get; init; }

    public required int Rounds { get; init; }

    /// <summary>The duration of the load on one hop in one round.</summary>
    public required TimeSpan Round { get; init; }

    /// <summary>The time limit of the wait for a quiet machine before each measurement.</summary>
    public required TimeSpan Patience { get; init; }

    /// <summary>The Markdown file to write; <see langword="null"/> for none.</summary>
    public required string? Results { get; init; }

    /// <summary>Whether to run everything once and briefly, with this program's client instead of wrk.</summary>
    public required bool Test { get; init; }

    /// <summary>The command line, for the report.</summary>
    public required string CommandLine { get; init; }

    public bool WantsHop(string name) => Hops.Count == 0 || Hops.Contains(name, StringComparer.OrdinalIgnoreCase);

    public bool Wants(string scenario) => Scenarios.Count == 0 || Scenarios.Contains(scenario, StringComparer.OrdinalIgnoreCase);
}
