namespace Soak;

/// <summary>What the command line asks for.</summary>
internal sealed record SoakOptions
{
    /// <summary>How long calls are begun.</summary>
    public required TimeSpan Load { get; init; }

    /// <summary>How many calls there are at once, at most.</summary>
    public required int Workers { get; init; }

    /// <summary>Every call follows from it; what meets what is up to the machine.</summary>
    public required ulong Seed { get; init; }

    /// <summary>The folder of a published gateway, or <see langword="null"/> for this clone's own.</summary>
    public required string? Gateway { get; init; }

    /// <summary>The SVG file to write, or <see langword="null"/>.</summary>
    public required string? Picture { get; init; }

    /// <summary>The arguments, for the record.</summary>
    public required string CommandLine { get; init; }
}
