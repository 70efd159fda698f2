namespace Gateway.Teams;

/// <summary>A key of a team. Only its hash is stored.</summary>
internal sealed class TeamKey
{
    private IReadOnlyList<LimitScope>? _scopes;
    private IReadOnlyList<LimitScope>? _requestScopes;

    /// <summary>Its name in logs and reports; default <c>key-N</c>. Never the key.</summary>
    public required string Label { get; init; }

    /// <summary>SHA-256 of the key's UTF-8 text.</summary>
    public required ReadOnlyMemory<byte> Hash { get; init; }

    /// <summary>The time at which it expires; <see langword="null"/> for never.</summary>
    public DateTimeOffset? Expires { get; init; }

    /// <summary>Limits of this key, in addition to its team's.</summary>
    public TeamLimits Limits { get; init; } = TeamLimits.None;

    /// <summary>The models that this key may use, as far as its team may use them.</summary>
    public ModelRights Rights { get; init; } = ModelRights.All;

    /// <summary>The budget of this key, in addition to its team's; <see langword="null"/> for none.</summary>
    public TeamBudget? Budget { get; init; }

    /// <summary>The limits of a request with this key: those of the team, then its own.</summary>
    /// <param name="team">The team of the key.</param>
    public IReadOnlyList<LimitScope> ScopesIn(Team team) => _scopes ??= [.. Scopes(team)];

    /// <summary>The limits of a request that is not metered, which uses no tokens: a list of models, an earlier call.</summary>
    /// <param name="team">The team of the key.</param>
    public IReadOnlyList<LimitScope> RequestScopesIn(Team team) => _requestScopes ??=
    [
        .. ScopesIn(team)
            .Where(scope => scope.RequestsPerMinute is not null || scope.ConcurrentRequests is not null)
            .Select(scope => scope with { TokensPerMinute = null }),
    ];

    private IEnumerable<LimitScope> Scopes(Team team)
    {
        if (!team.Limits.IsNone)
        {
            yield return LimitScope.Of(team);
        }

        if (!Limits.IsNone)
        {
            yield return LimitScope.Of(team, this);
        }
    }
}
