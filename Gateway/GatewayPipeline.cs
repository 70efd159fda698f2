using Gateway.Admission;
using Gateway.Attempts;
using Gateway.Authentication;
using Gateway.Browsers;
using Gateway.Catalogue;
using Gateway.Errors;
using Gateway.Health;
using Gateway.Observability;
using Gateway.SelfService;
using OpenRouterGateway.Transforms;

namespace Gateway;

/// <summary>The phases of a request, in order. <c>docs/request-life.md</c> draws them.</summary>
internal static class GatewayPipeline
{
    public static void MapGateway(this WebApplication app)
    {
        // RequestLog: creates the request's context; writes one line and the metrics of every request.
        app.UseMiddleware<RequestLogMiddleware>();

        // Trace: records the server span of the request, if traces are exported.
        app.UseMiddleware<TraceMiddleware>();

        // Browser: exposes the headers of responses to browsers.
        app.UseMiddleware<BrowserMiddleware>();

        // Errors: turns a failure of an inner phase into an error response in the dialect of the route.
        app.UseMiddleware<ErrorMiddleware>();

        // Routing: the health endpoints, else a route of appsettings.json, else 404.
        app.UseRouting();

        // Preflight: answers CORS preflights, which carry no key.
        app.UseMiddleware<PreflightMiddleware>();
        app.MapHealth();
        app.MapReverseProxy(proxy =>
        {
            // InFlight: counts the request, and cuts it if the gateway stops and the time for requests in flight is over.
            proxy.UseMiddleware<InFlightMiddleware>();

            // Team: identifies the caller, checks that the endpoint is open to it, and acquires its lease, by which it counts as in flight.
            // Reads headers only.
            proxy.UseMiddleware<TeamMiddleware>();

            // Availability: refuses requests while no destination can be reached.
            proxy.UseMiddleware<AvailabilityMiddleware>();

            // Prices: delays calls under a budget until the first price list has arrived.
            proxy.UseMiddleware<PriceListMiddleware>();

            // RequestBody: on routes with the transform, scans the body, judges the team's rights and applies the rules.
            proxy.UseProviderMapping();

            // Catalogue: refuses the pages of models that the team may not use.
            proxy.UseMiddleware<CatalogueMiddleware>();

            // Admission: charges the lease and acquires the budget reservation and the ledger row of a metered call, and reports the end to
            // the call.
            proxy.UseMiddleware<AdmissionMiddleware>();

            // Account: answers a team's requests for its own key and credits.
            proxy.UseMiddleware<AccountMiddleware>();

            // Attempts: runs the rest again as long as the client has seen nothing and upstream has surely not billed the attempt.
            proxy.UseMiddleware<AttemptMiddleware>();

            // YARP: chooses a destination, then forwards. The ProviderMapping transform splices the body; the response transform lets the
            // metered call observe the response.
            proxy.UseLoadBalancing();

            // YARP: records the outcome of each attempt for the destination's passive health.
            proxy.UsePassiveHealthChecks();
        });
    }
}
