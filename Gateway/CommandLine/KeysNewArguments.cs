namespace Gateway.CommandLine;

/// <summary>The arguments of <c>keys new</c>.</summary>
internal sealed record KeysNewArguments
{
    /// <summary>The team of the key (<c>--team</c>). It need not exist yet.</summary>
    public required string Team { get; init; }

    /// <summary>The label of the key (<c>--label</c>); <see langword="null"/> for the default, <c>key-N</c>.</summary>
    public string? Label { get; init; }

    /// <summary>The expiry (<c>--expires</c>), as given; <see langword="null"/> for never.</summary>
    public string? Expires { get; init; }
}
