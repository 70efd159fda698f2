using Gateway.Configuration;
using Gateway.Routing;

namespace Gateway.Requests;

/// <summary>Set by Team before it judges: the settings and the route that the request keeps, regardless of reloads.</summary>
/// <param name="Snapshot">The settings.</param>
/// <param name="Facts">The compiled facts of the route.</param>
internal readonly record struct RouteRecord(SettingsSnapshot Snapshot, RouteFacts Facts);
