using Gateway.Teams;

namespace Gateway.Requests;

/// <summary>
/// The Team phase's record of the caller and the endpoint. The default is a caller without a team: no teams are configured.
/// </summary>
/// <param name="Identity">The team and its key; <see langword="null"/> for a caller without a team.</param>
/// <param name="Endpoint">The called endpoint; <see langword="null"/> without a team, or if the endpoint is closed to the team.</param>
/// <param name="UpstreamPath">The predicted upstream path, from which <paramref name="Endpoint"/> was derived.</param>
internal readonly record struct CallerRecord(CallerIdentity? Identity, TeamEndpoint? Endpoint, PathString UpstreamPath)
{
    /// <summary>The team; <see langword="null"/> for a caller without one.</summary>
    public Team? Team => Identity?.Team;

    /// <summary>Whether upstream bills the call and the gateway meters it.</summary>
    public bool IsMetered => Endpoint is { IsMetered: true };

    /// <summary>
    /// Whether the response is a list or a number of models that differs from upstream's: the team has model rights, or aliases that are
    /// added to the list.
    /// </summary>
    public bool IsListEdited =>
        Endpoint is { ListMember: { } member }
        && Team is { } team
        && (!team.Rights.IsUnlimited || (member == TeamEndpoint.ModelId && team.ExactAliases.Count > 0));
}
