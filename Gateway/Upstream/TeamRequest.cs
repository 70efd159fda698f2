using System.Net.Http.Headers;
using Gateway.Admission;
using Gateway.Authentication;
using Gateway.Errors;
using Gateway.Metering;
using Gateway.OpenRouter;
using Gateway.Primitives;
using Gateway.Requests;
using Gateway.Secrets;
using Gateway.Teams;
using Microsoft.Net.Http.Headers;
using Yarp.ReverseProxy.Transforms;

namespace Gateway.Upstream;

/// <summary>
/// Replaces the caller's credentials by the team's OpenRouter key, or by the destination's own, and sets the team's attribution and scoped
/// session. Refuses a request if the route's transforms have changed its path, method or query in a way that was not judged, or if a reload
/// has changed its destination, for which the key is not. Without teams the caller's own credentials pass.
/// </summary>
internal sealed partial class TeamRequest(string routeId, ILogger logger) : RequestTransform
{
    private const string Referer = "HTTP-Referer";
    private const string Title = "X-Title";
    private const string OtherTitle = "X-OpenRouter-Title";

    public override ValueTask ApplyAsync(RequestTransformContext context)
    {
        var gateway = GatewayContext.Of(context.HttpContext);
        if (gateway.Snapshot.Teams.IsEmpty)
        {
            return default;
        }

        var headers = context.ProxyRequest.Headers;
        headers.Remove(HeaderNames.Authorization);
        headers.Remove(TeamMiddleware.ApiKeyHeader);
        var caller = gateway.Caller;
        var team = caller.Team!;
        if (!IsAsJudged(context, caller))
        {
            Log.RouteLedElsewhere(logger, routeId, gateway.RequestId);
            return new ValueTask(ErrorMiddleware.RefuseAsync(context.HttpContext, GatewayError.EndpointNotAllowed));
        }

        var proxy = context.HttpContext.GetReverseProxyFeature();
        if (proxy.ProxiedDestination is { } destination
            && !gateway.Snapshot.HasDestination(proxy.Cluster.Config.ClusterId, destination.DestinationId, destination.Model.Config))
        {
            // A reload has changed the destination since the request began. The client's next request has the new settings.
            return new ValueTask(ErrorMiddleware.RefuseAsync(context.HttpContext, GatewayError.NoDestination(TimeSpan.Zero)));
        }

        var key = KeyOf(context.HttpContext, gateway) ?? team.UpstreamKey;
        headers.TryAddWithoutValidation(HeaderNames.Authorization, "Bearer " + key.Reveal());
        Attribute(context.HttpContext.Request.Headers, headers, team.Attribution);
        if (gateway.Body.Session is { } session)
        {
            headers.Remove(SessionScope.Header);
            headers.TryAddWithoutValidation(SessionScope.Header, session);
        }

        var call = gateway.Admission.Call;
        if (call is not null
            && AcceptedEncodings.Narrow(context.HttpContext.Request.Headers.AcceptEncoding) is { } readable)
        {
            headers.Remove(HeaderNames.AcceptEncoding);
            headers.TryAddWithoutValidation(HeaderNames.AcceptEncoding, readable);
        }

        call?.Sent(DestinationOf(context.HttpContext), key.Name);
        return default;
    }

    /// <summary>The destination's own key; <see langword="null"/> if it has none.</summary>
    private static UpstreamKey? KeyOf(HttpContext context, GatewayContext gateway) =>
        gateway.Snapshot.DestinationKeys is { IsEmpty: false } keys
            && context.GetReverseProxyFeature() is { ProxiedDestination: { } destination, Cluster.Config: var cluster }
            ? keys.Find(cluster.ClusterId, destination.DestinationId)
            : null;

    private static string? DestinationOf(HttpContext context) =>
        context.GetReverseProxyFeature() is { ProxiedDestination: { } destination, Cluster.Config: var cluster }
            ? DestinationName.Of(cluster.ClusterId, destination.DestinationId)
            : null;

    /// <summary>
    /// Whether the route's transforms have produced the predicted path and method. The query is compared if it may contain the id of a
    /// call.
    /// </summary>
    private static bool IsAsJudged(RequestTransformContext context, in CallerRecord caller) =>
        context.ProxyRequest.RequestUri is null
        && caller.Endpoint is { } endpoint
        && string.Equals(context.Path.Value, caller.UpstreamPath.Value, StringComparison.Ordinal)
        && string.Equals(context.ProxyRequest.Method.Method, context.HttpContext.Request.Method, StringComparison.OrdinalIgnoreCase)
        && (endpoint.Kind != TeamEndpointKind.OwnCall || context.Query.QueryString == context.HttpContext.Request.QueryString);

    /// <summary>
    /// Adds the headers of the team's attribution. They describe one application together, so none is added if the client sends any of
    /// them.
    /// </summary>
    private static void Attribute(IHeaderDictionary sent, HttpRequestHeaders upstream, Attribution attribution)
    {
        if (attribution.IsNone || sent.ContainsKey(Referer) || sent.ContainsKey(Title) || sent.ContainsKey(OtherTitle))
        {
            return;
        }

        if (attribution.Referer is { } referer)
        {
            upstream.TryAddWithoutValidation(Referer, referer);
        }

        if (attribution.Title is { } title)
        {
            upstream.TryAddWithoutValidation(Title, title);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(
            LogEvents.RouteLedElsewhere,
            LogLevel.Warning,
            "The transforms of route {Route} lead to another endpoint than was judged; the request is refused. Request {RequestId}")]
        public static partial void RouteLedElsewhere(ILogger logger, string route, string requestId);
    }
}
