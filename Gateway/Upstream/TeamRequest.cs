using System.Net.Http.Headers;
using Gateway.Admission;
using Gateway.Authentication;
using Gateway.Errors;
using Gateway.Metering;
using Gateway.OpenRouter;
using Gateway.Primitives;
using Gateway.Requests;
using Gateway.Teams;
using Microsoft.Net.Http.Headers;
using Yarp.ReverseProxy.Transforms;

namespace Gateway.Upstream;

/// <summary>
/// Puts a team's key in the place of its caller's, and refuses what has become another request than the one that was judged. Without teams
/// the caller's own credentials pass.
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
        if (gateway.Team is not { } team)
        {
            // A browser's preflight.
            return default;
        }

        if (!IsWhatWasJudged(context, gateway))
        {
            Log.RouteLedElsewhere(logger, routeId, gateway.RequestId);
            return new ValueTask(ErrorMiddleware.RefuseAsync(context.HttpContext, GatewayError.EndpointNotAllowed));
        }

        headers.TryAddWithoutValidation(HeaderNames.Authorization, "Bearer " + team.UpstreamKey.Reveal());
        Attribute(context.HttpContext.Request.Headers, headers, team.Attribution);
        if (gateway.RequestCost?.Session is { } session)
        {
            headers.Remove(SessionScope.Header);
            headers.TryAddWithoutValidation(SessionScope.Header, session);
        }

        if (gateway.Reservation is not null
            && AcceptedEncodings.Narrow(context.HttpContext.Request.Headers.AcceptEncoding) is { } readable)
        {
            headers.Remove(HeaderNames.AcceptEncoding);
            headers.TryAddWithoutValidation(HeaderNames.AcceptEncoding, readable);
        }

        if (gateway.Reservation is { } reservation
            && context.HttpContext.GetReverseProxyFeature() is { ProxiedDestination: { } destination, Cluster.Config: var cluster })
        {
            reservation.Destination = DestinationName.Of(cluster.ClusterId, destination.DestinationId);
        }

        gateway.WasForwarded = true;
        return default;
    }

    /// <summary>
    /// Whether the route's transforms have led where the gate was told they would. The query counts where it says whose call is meant.
    /// </summary>
    private static bool IsWhatWasJudged(RequestTransformContext context, GatewayContext gateway) =>
        context.ProxyRequest.RequestUri is null
        && gateway.Endpoint is { } endpoint
        && string.Equals(context.Path.Value, gateway.JudgedPath.Value, StringComparison.Ordinal)
        && string.Equals(context.ProxyRequest.Method.Method, context.HttpContext.Request.Method, StringComparison.OrdinalIgnoreCase)
        && (endpoint.Kind != TeamEndpointKind.OwnCall || context.Query.QueryString == context.HttpContext.Request.QueryString);

    /// <summary>
    /// The two belong together: a client that says either of them speaks of an application of its own, and is not given half of another.
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
            "The transforms of route {Route} lead elsewhere than to the endpoint that was judged; refused. Request {RequestId}")]
        public static partial void RouteLedElsewhere(ILogger logger, string route, string requestId);
    }
}
