namespace Gateway.Teams;

/// <summary>One of a team's keys. Only its hash is known.</summary>
internal sealed class TeamKey
{
    private IReadOnlyList<LimitScope>? _scopes;

    /// <summary>Its name in logs and reports; <c>key-N</c> by default. Never the key.</summary>
    public required string Label { get; init; }

    /// <summary>SHA-256 of the key's UTF-8 text.</summary>
    public required ReadOnlyMemory<byte> Hash { get; init; }

    /// <summary>The time from which it is refused, or <see langword="null"/>.</summary>
    public DateTimeOffset? Expires { get; init; }

    /// <summary>Limits of this key, in addition to its team's.</summary>
    public TeamLimits Limits { get; init; } = TeamLimits.None;

    /// <summary>The limits of a call with this key: its team's, then its own.</summary>
    /// <param name="team">The team of the key.</param>
    public IReadOnlyList<LimitScope> ScopesIn(Team team) => _scopes ??= [.. Scopes(team)];

    private IEnumerable<LimitScope> Scopes(Team team)
    {
        if (!team.Limits.IsNone)
        {
            yield return Scope($"team:{team.Id}", team.Limits);
        }

        if (!Limits.IsNone)
        {
            yield return Scope($"key:{team.Id}/{Label}", Limits);
        }

        static LimitScope Scope(string holder, TeamLimits limits) =>
            new(holder, limits.RequestsPerMinute, limits.TokensPerMinute, limits.ConcurrentRequests);
    }
}
