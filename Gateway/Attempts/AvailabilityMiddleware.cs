using Gateway.Errors;

namespace Gateway.Attempts;

/// <summary>
/// The Availability phase. Refuses a request if no destination of its cluster is available, before its body is read and anything is reserved
/// for it.
/// </summary>
internal sealed class AvailabilityMiddleware(RequestDelegate next, DestinationOutages outages)
{
    public Task InvokeAsync(HttpContext context)
    {
        var proxy = context.GetReverseProxyFeature();
        return proxy.AvailableDestinations.Count > 0
            ? next(context)
            : ErrorMiddleware.RefuseAsync(context, GatewayError.NoDestination(outages.RetryAfter(proxy.AllDestinations)));
    }
}
