namespace Gateway.Teams;

/// <summary>The limits of a team or of a key. <see langword="null"/> means no limit.</summary>
/// <param name="Holder">The key of the counters, which are kept across reloads: <c>team:search</c>, <c>key:search/ci</c>.</param>
/// <param name="RequestsPerMinute">Requests per minute; also the burst.</param>
/// <param name="TokensPerMinute">Prompt and completion tokens per minute; also the burst.</param>
/// <param name="ConcurrentRequests">Requests in flight.</param>
internal readonly record struct LimitScope(string Holder, int? RequestsPerMinute, int? TokensPerMinute, int? ConcurrentRequests)
{
    /// <summary>The limits of a team.</summary>
    public static LimitScope Of(Team team) => Of($"team:{team.Id}", team.Limits);

    /// <summary>The limits of a key, without those of its team.</summary>
    public static LimitScope Of(Team team, TeamKey key) => Of($"key:{team.Id}/{key.Label}", key.Limits);

    private static LimitScope Of(string holder, TeamLimits limits) =>
        new(holder, limits.RequestsPerMinute, limits.TokensPerMinute, limits.ConcurrentRequests);
}
