using Gateway.Admission;
using Gateway.Authentication;
using Gateway.Errors;
using Gateway.Health;
using Gateway.Observability;
using OpenRouterGateway.Transforms;

namespace Gateway;

/// <summary>The life of a request, from top to bottom. <c>docs/request-life.md</c> draws it.</summary>
internal static class GatewayPipeline
{
    public static void MapGateway(this WebApplication app)
    {
        // One line for every request, however it ends.
        app.UseMiddleware<RequestLogMiddleware>();

        // Errors: whatever fails below leaves as an error in the dialect of its route.
        app.UseMiddleware<ErrorMiddleware>();

        // Health answers by itself; everything else is a route of appsettings.json, or a 404.
        app.UseRouting();
        app.MapHealth();
        app.MapReverseProxy(proxy =>
        {
            // Team: who is calling? Headers only, so that a stranger costs no body.
            proxy.UseMiddleware<TeamMiddleware>();

            // A first start has no prices yet: calls that are set against a budget wait for them.
            proxy.UseMiddleware<PriceListMiddleware>();

            // RequestBody: on routes with the transform, one scan of the body, the team's rights, and the decision of the rules about it.
            proxy.UseProviderMapping();

            // Admission: sets aside what the call may use of its team's limits and budget, and settles it once, however the call ends.
            // Metering watches the answer on its way back, from the upstream's response transform.
            proxy.UseMiddleware<AdmissionMiddleware>();

            // YARP: choose a destination, note how it did, forward. The ProviderMapping transform splices the body on its way.
            proxy.UseLoadBalancing();
            proxy.UsePassiveHealthChecks();
        });
    }
}
