using Gateway.Teams;

namespace Gateway.Routing;

/// <summary>The upstream endpoint that a path of a route leads to.</summary>
/// <param name="UpstreamPath">The path below upstream's base address.</param>
/// <param name="Endpoint">The row of <see cref="TeamEndpoints"/> at this path; <see langword="null"/> when no row matches.</param>
/// <param name="CallId">The id of a call in the path, where the endpoint has one there.</param>
internal readonly record struct RouteTarget(PathString UpstreamPath, TeamEndpoint? Endpoint, string? CallId);
