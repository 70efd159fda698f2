namespace Gateway.CommandLine;

/// <summary>The key that <c>keys new</c> is to make.</summary>
internal sealed record KeysNewArguments
{
    /// <summary>The team that it is for (<c>--team</c>). It need not exist yet.</summary>
    public required string Team { get; init; }

    /// <summary>What people call the key (<c>--label</c>); <see langword="null"/> leaves it to its place.</summary>
    public string? Label { get; init; }

    /// <summary>When it ends (<c>--expires</c>), as given; <see langword="null"/> for never.</summary>
    public string? Expires { get; init; }
}
