namespace Gateway.Teams;

/// <summary>One of a team's keys, known by its hash alone.</summary>
internal sealed class TeamKey
{
    /// <summary>What people call it; <c>key-N</c> by default. Never the key.</summary>
    public required string Label { get; init; }

    /// <summary>SHA-256 of the key's UTF-8 text.</summary>
    public required ReadOnlyMemory<byte> Hash { get; init; }

    /// <summary>From when on it is refused, or <see langword="null"/>.</summary>
    public DateTimeOffset? Expires { get; init; }

    /// <summary>Limits of this key alone, beside its team's.</summary>
    public TeamLimits Limits { get; init; } = TeamLimits.None;
}
