using Gateway.Errors;
using Yarp.ReverseProxy.Configuration;

namespace Gateway.Reports;

/// <summary>
/// The state of a running gateway that decides about a request before its admission. Its functions read the present state and change nothing.
/// </summary>
/// <param name="IsFull">Whether as many requests are in flight as the gateway serves.</param>
/// <param name="Availability">Returns the error for a route whose destinations are all unavailable.</param>
/// <param name="WouldRejectBody">
/// Whether too many bodies wait for memory for one more, by its team and its length. A client without a team counts as one that holds none.
/// </param>
internal sealed record GatewayState(Func<bool> IsFull, Func<RouteConfig, GatewayError?> Availability, Func<string?, int, bool> WouldRejectBody);
