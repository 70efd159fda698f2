using System.Net.Http.Headers;
using Gateway.Admission;
using Gateway.Authentication;
using Gateway.Configuration;
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
/// session. Refuses a request if the route's transforms have changed its path, method or query in a way that was not judged. If a reload has
/// changed its destination, the key is that of the settings in force. Without teams the caller's own credentials pass.
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

        if (KeyOf(context.HttpContext, gateway.Snapshot, team) is not { } key)
        {
            return new ValueTask(ErrorMiddleware.RefuseAsync(context.HttpContext, GatewayError.NoDestination(TimeSpan.Zero)));
        }

        headers.TryAddWithoutValidation(HeaderNames.Authorization, "Bearer " + key.Reveal());
        gateway.Attempts.UpstreamKey = key;
        Attribute(context.HttpContext.Request.Headers, headers, team.Attribution);
        if ((gateway.Body.Session ?? SessionOfUnreadRequest(context.HttpContext, team)) is { } session)
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

    /// <summary>
    /// The key for the destination: its own or the team's. If a reload has added or changed the destination since the request began, the
    /// request's settings hold no key for it; the settings in force do.
    /// </summary>
    /// <returns>The key; <see langword="null"/> if no settings hold one: another reload has changed the destination or removed the team.</returns>
    private static UpstreamKey? KeyOf(HttpContext context, SettingsSnapshot snapshot, Team team)
    {
        if (context.GetReverseProxyFeature() is not { ProxiedDestination: { } destination, Cluster.Config.ClusterId: var cluster })
        {
            return team.UpstreamKey;
        }

        if (!snapshot.HasDestination(cluster, destination.DestinationId, destination.Model.Config))
        {
            snapshot = context.RequestServices.GetRequiredService<SettingsStore>().Current;
            if (!snapshot.HasDestination(cluster, destination.DestinationId, destination.Model.Config)
                || !snapshot.Teams.TryGet(team.Id, out var renewed))
            {
                return null;
            }

            team = renewed;
        }

        return snapshot.DestinationKeys is { IsEmpty: false } keys && keys.Find(cluster, destination.DestinationId) is { } own
            ? own
            : team.UpstreamKey;
    }

    /// <summary>
    /// The session of a request whose body was not read, scoped to the team. A body that was read has taken the header into account.
    /// </summary>
    private static string? SessionOfUnreadRequest(HttpContext context, Team team) =>
        team.ScopesSessions ? SessionScope.OfHeader(team.Id, context.Request.Headers[SessionScope.Header]) : null;

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
