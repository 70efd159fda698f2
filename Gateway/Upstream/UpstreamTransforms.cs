using System.Text;
using Gateway.Alerts;
using Gateway.Attempts;
using Gateway.Observability;
using Gateway.Requests;
using Gateway.Teams;
using Yarp.ReverseProxy.Forwarder;
using Yarp.ReverseProxy.Transforms;
using Yarp.ReverseProxy.Transforms.Builder;

namespace Gateway.Upstream;

/// <summary>
/// Adds the transforms that every route has, regardless of its settings. Requests get clean headers and the team's key. Responses get the
/// gateway's headers and are observed.
/// </summary>
internal sealed class UpstreamTransforms : ITransformProvider
{
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly AnswerTransform _answer;

    public UpstreamTransforms(
        TimeProvider time,
        ReachedDestinations reached,
        CatalogueResponse catalogue,
        AlertSignals alerts,
        ResponseMemory memory,
        ILogger<UpstreamTransforms> logger)
    {
        _time = time;
        _logger = logger;
        _answer = new AnswerTransform(time, reached, catalogue, alerts, memory, logger);
    }

    public void ValidateRoute(TransformRouteValidationContext context)
    {
    }

    public void ValidateCluster(TransformClusterValidationContext context)
    {
    }

    public void Apply(TransformBuilderContext context)
    {
        // No X-Forwarded headers. A route that needs them can configure YARP's transform.
        context.UseDefaultForwarders = false;

        // First, so that headers added by the route's own transforms are kept.
        context.RequestTransforms.Insert(0, new CleanHeaders());

        // Last, after the route's own transforms have changed path and query, so that none of them can replace the team's key.
        context.RequestTransforms.Add(new TeamRequest(context.Route.RouteId, _logger));
        context.RequestTransforms.Add(new CatalogueRequest());
        context.RequestTransforms.Add(new ExactQuery());
        context.RequestTransforms.Add(new BufferedBody());
        context.RequestTransforms.Add(new AnswerTimeLimits(_time));
        context.RequestTransforms.Add(new SentAttempt(_logger));
        context.ResponseTransforms.Add(_answer);
    }

    /// <summary>
    /// Forwards the query string unchanged. <see cref="Uri"/> would normalise it: <c>%41</c> to <c>A</c>, <c>|</c> to <c>%7C</c>,
    /// <c>%zz</c> to <c>%25zz</c>. A byte outside of ASCII, which a client can send over HTTP/2, is escaped. The path is normalised on purpose,
    /// since the gateway has judged the normalised path. A parameter with a gateway key is left out.
    /// </summary>
    private sealed class ExactQuery : RequestTransform
    {
        private static readonly UriCreationOptions AsGiven = new() { DangerousDisablePathAndQueryCanonicalization = true };

        public override ValueTask ApplyAsync(RequestTransformContext context)
        {
            if (context.Query.QueryString is { HasValue: true } query && context.ProxyRequest.RequestUri is null)
            {
                var address = RequestUtilities.MakeDestinationAddress(context.DestinationPrefix, context.Path, QueryString.Empty);
                context.ProxyRequest.RequestUri = new Uri(address.AbsoluteUri + Escape(GatewayKeys.RemoveFrom(query.Value)), AsGiven);
            }

            return default;
        }

        // Each character is a byte that the client sent: Kestrel decodes the target as Latin-1.
        private static string Escape(string query) => Ascii.IsValid(query)
            ? query
            : string.Concat(query.Select(static c => char.IsAscii(c) ? c.ToString() : Uri.HexEscape(c)));
    }

    /// <summary>
    /// Tells <see cref="BufferedBodyHandler"/> about the attempts of requests that upstream may bill. A request of a safe method without a
    /// body is left to the HTTP client, which repeats it after a failed connection. So is a request for a tunnel, whose stream must stay open.
    /// </summary>
    private sealed class BufferedBody : RequestTransform
    {
        public override ValueTask ApplyAsync(RequestTransformContext context)
        {
            var attempts = GatewayContext.Of(context.HttpContext).Attempts;
            if (context.ProxyRequest.Content is not null || !IsSafe(context.HttpContext.Request.Method))
            {
                context.ProxyRequest.Options.Set(BufferedBodyHandler.Attempts, attempts);
            }

            if (context.ProxyRequest.Content is not null && attempts.Body is null)
            {
                StreamedBody.Replace(context.HttpContext.Request);
            }

            return default;
        }
    }

    private static bool IsSafe(string method) =>
        HttpMethods.IsGet(method) || HttpMethods.IsHead(method) || HttpMethods.IsOptions(method) || HttpMethods.IsConnect(method);

    /// <summary>Logs the destination of an attempt.</summary>
    private sealed class SentAttempt(ILogger logger) : RequestTransform
    {
        public override ValueTask ApplyAsync(RequestTransformContext context)
        {
            if (logger.IsEnabled(LogLevel.Debug))
            {
                var (request, proxy) = (GatewayContext.Of(context.HttpContext), context.HttpContext.GetReverseProxyFeature());
                PhaseLog.AttemptSent(logger, request.Attempts.Count, proxy.ProxiedDestination?.DestinationId, request.RequestId);
            }

            return default;
        }
    }

    private sealed class CleanHeaders : RequestTransform
    {
        public override ValueTask ApplyAsync(RequestTransformContext context)
        {
            var settings = GatewayContext.Of(context.HttpContext).Snapshot.Settings.Server;
            HopHeaders.Clean(context.HttpContext, context.ProxyRequest, settings.ForwardTraceHeaders);
            return default;
        }
    }
}
