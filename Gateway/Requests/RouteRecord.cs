using Gateway.Configuration;
using Gateway.Routing;

namespace Gateway.Requests;

/// <summary>The Team phase's record of the route. The request keeps its settings and its route when the settings are reloaded.</summary>
/// <param name="Snapshot">The settings snapshot.</param>
/// <param name="Facts">The compiled facts of the route.</param>
internal readonly record struct RouteRecord(SettingsSnapshot Snapshot, RouteFacts Facts);
