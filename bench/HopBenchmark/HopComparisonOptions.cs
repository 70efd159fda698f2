namespace HopBenchmark;

/// <summary>What the command line asks for.</summary>
internal sealed record HopComparisonOptions
{
    /// <summary>Names of scenarios; none for all.</summary>
    public required IReadOnlyList<string> Scenarios { get; init; }

    /// <summary>Names of hops; none for all.</summary>
    public required IReadOnlyList<string> Hops { get; init; }

    /// <summary>Published gateways beside this clone's own, by the name that the tables give them.</summary>
    public required IReadOnlyList<(string Name, string Program)> OtherGateways { get; init; }

    /// <summary>A folder with the native gateway, made there if there is none; <see langword="null"/> to go without.</summary>
    public required string? Native { get; init; }

    public required int Rounds { get; init; }

    /// <summary>How long one hop is loaded in one round.</summary>
    public required TimeSpan Round { get; init; }

    /// <summary>How long to wait for a quiet machine before each measurement.</summary>
    public required TimeSpan Patience { get; init; }

    /// <summary>The Markdown file to write, or <see langword="null"/>.</summary>
    public required string? Results { get; init; }

    /// <summary>Everything once and briefly, with the client of this program in place of wrk.</summary>
    public required bool Test { get; init; }

    /// <summary>The arguments, for the record.</summary>
    public required string CommandLine { get; init; }

    public bool WantsHop(string name) => Hops.Count == 0 || Hops.Contains(name, StringComparer.OrdinalIgnoreCase);

    public bool Wants(string scenario) => Scenarios.Count == 0 || Scenarios.Contains(scenario, StringComparer.OrdinalIgnoreCase);
}
