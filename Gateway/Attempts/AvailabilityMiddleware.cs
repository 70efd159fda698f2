using Gateway.Errors;
using Gateway.Requests;
using Gateway.Teams;

namespace Gateway.Attempts;

/// <summary>
/// The Availability phase. Refuses a request if no destination of its cluster is available, before its body is read and anything is reserved
/// for it. A request that the gateway answers itself passes.
/// </summary>
internal sealed class AvailabilityMiddleware(RequestDelegate next, DestinationOutages outages)
{
    public Task InvokeAsync(HttpContext context)
    {
        var proxy = context.GetReverseProxyFeature();
        return proxy.AvailableDestinations.Count > 0
            || GatewayContext.Of(context).Caller is { Endpoint.Kind: TeamEndpointKind.Account }
            ? next(context)
            : ErrorMiddleware.RefuseAsync(context, GatewayError.NoDestination(outages.RetryAfter(proxy.AllDestinations)));
    }
}
