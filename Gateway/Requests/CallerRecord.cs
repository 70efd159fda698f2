using Gateway.Teams;

namespace Gateway.Requests;

/// <summary>Set by Team: who calls, and which endpoint. The default is a caller without a team: no teams, or a browser's preflight.</summary>
/// <param name="Identity">The team and its key; <see langword="null"/> for a caller without a team.</param>
/// <param name="Endpoint">The open endpoint that is called; <see langword="null"/> without a team, or when it is closed.</param>
/// <param name="UpstreamPath">The upstream path by which <paramref name="Endpoint"/> was judged.</param>
internal readonly record struct CallerRecord(CallerIdentity? Identity, TeamEndpoint? Endpoint, PathString UpstreamPath)
{
    /// <summary>The team; <see langword="null"/> for a caller without one.</summary>
    public Team? Team => Identity?.Team;

    /// <summary>Whether upstream bills the call and the gateway meters it.</summary>
    public bool IsMetered => Endpoint is { IsMetered: true };
}
