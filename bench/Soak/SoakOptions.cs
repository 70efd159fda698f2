namespace Soak;

/// <summary>The options of the command line.</summary>
internal sealed record SoakOptions
{
    /// <summary>The duration of the load.</summary>
    public required TimeSpan Load { get; init; }

    /// <summary>The maximum number of concurrent calls.</summary>
    public required int Workers { get; init; }

    /// <summary>The seed of all calls. Their interleaving still depends on the machine.</summary>
    public required ulong Seed { get; init; }

    /// <summary>The folder of a published gateway; <see langword="null"/> for this clone's.</summary>
    public required string? Gateway { get; init; }

    /// <summary>The SVG file to write; <see langword="null"/> for none.</summary>
    public required string? Picture { get; init; }

    /// <summary>Whether a chaos run goes without the SDKs for Node.js.</summary>
    public required bool IsWithoutNode { get; init; }

    /// <summary>The command line, for the report.</summary>
    public required string CommandLine { get; init; }
}
