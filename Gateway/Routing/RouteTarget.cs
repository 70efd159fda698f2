using Gateway.Teams;

namespace Gateway.Routing;

/// <summary>The upstream endpoint of a path that a route has matched.</summary>
/// <param name="UpstreamPath">The path below upstream's base address.</param>
/// <param name="Endpoint">The row of <see cref="TeamEndpoints"/> for this path; <see langword="null"/> if no row matches.</param>
/// <param name="CallId">The id of a call in the path; <see langword="null"/> if the endpoint's path has none.</param>
internal readonly record struct RouteTarget(PathString UpstreamPath, TeamEndpoint? Endpoint, string? CallId);
