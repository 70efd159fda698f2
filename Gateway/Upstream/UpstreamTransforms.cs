using System.Net.Http.Headers;
using Gateway.Attempts;
using Gateway.Errors;
using Gateway.Metering;
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
internal sealed class UpstreamTransforms(TimeProvider time, ILogger<UpstreamTransforms> logger) : ITransformProvider
{
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
        context.RequestTransforms.Add(new TeamRequest(context.Route.RouteId, logger));
        context.RequestTransforms.Add(new ExactQuery());
        context.RequestTransforms.Add(new BufferedBody());
        context.AddResponseTransform(OnResponse);
    }

    private ValueTask OnResponse(ResponseTransformContext transform)
    {
        // YARP has already copied the headers. Without a response the Errors phase writes the error.
        var context = transform.HttpContext;
        if (transform.ProxyResponse is { } response)
        {
            var request = GatewayContext.Of(context);
            return ResponseDropping.MayDrop(context, request, (int)response.StatusCode)
                ? DropOrPassAsync(transform, request, response)
                : PassAsync(transform, request, response, response.Content.Headers);
        }

        return default;
    }

    private async ValueTask DropOrPassAsync(ResponseTransformContext transform, GatewayContext request, HttpResponseMessage response)
    {
        var headers = response.Content.Headers;
        if (await ResponseDropping.TryDropAsync(transform.HttpContext, request, response, transform.CancellationToken))
        {
            transform.SuppressResponseBody = true;
            return;
        }

        await PassAsync(transform, request, response, headers);
    }

    private ValueTask PassAsync(
        ResponseTransformContext transform, GatewayContext request, HttpResponseMessage response, HttpContentHeaders headers)
    {
        // There is no further attempt.
        request.Attempts.Body?.ReleaseKept();
        var context = transform.HttpContext;
        HopHeaders.Clean(context.Response, response);
        GatewayResponseHeaders.Claim(context.Response);
        GatewayResponseHeaders.Apply(context);
        request.Upstream = new UpstreamRecord(context.Response.StatusCode, time.GetTimestamp());
        var isEventStream = IsEventStream(headers);
        if (context.Response.StatusCode is StatusCodes.Status204NoContent or StatusCodes.Status205ResetContent)
        {
            // These statuses have no body, even if upstream announces one. Kestrel would turn an announced or written body into a 500.
            context.Response.ContentLength = null;
            transform.SuppressResponseBody = true;
        }
        else if (isEventStream)
        {
            response.Content = new EventStreamContent(response, headers, context, time);
        }

        return request.Admission.Call is { } call
            ? MeterAsync(call, request.Caller.Endpoint!, response, headers, isEventStream)
            : default;
    }

    /// <summary>
    /// Reports the generation's id to the call and lets the call observe the response. The id of a stream is durable before the headers are
    /// sent. The id of any other response is durable before its first byte is sent, so a response in one piece needs a single write for the
    /// id and the settlement.
    /// </summary>
    private static ValueTask MeterAsync(
        MeteredCall call, TeamEndpoint endpoint, HttpResponseMessage response, HttpContentHeaders headers, bool isEventStream)
    {
        if (!endpoint.OrdersAJob && GenerationIdHeader.Of(response) is { } id)
        {
            call.Named(id);
        }

        var observer = call.Answered((int)response.StatusCode, isEventStream, endpoint.OrdersAJob, headers);
        response.Content = new ObservedContent(response.Content, observer);
        return isEventStream ? call.KeepNameAsync() : default;
    }

    private static bool IsEventStream(HttpContentHeaders headers) =>
        headers.NonValidated.TryGetValues("Content-Type", out var types)
        && types.ToString().AsSpan().TrimStart().StartsWith("text/event-stream", StringComparison.OrdinalIgnoreCase);

    /// <summary>
    /// Forwards the query string unchanged. <see cref="Uri"/> would normalise it: <c>%41</c> to <c>A</c>, <c>|</c> to <c>%7C</c>,
    /// <c>%zz</c> to <c>%25zz</c>. The path is normalised on purpose, since the gateway has judged the normalised path.
    /// </summary>
    private sealed class ExactQuery : RequestTransform
    {
        private static readonly UriCreationOptions AsGiven = new() { DangerousDisablePathAndQueryCanonicalization = true };

        public override ValueTask ApplyAsync(RequestTransformContext context)
        {
            if (context.Query.QueryString is { HasValue: true } query && context.ProxyRequest.RequestUri is null)
            {
                var address = RequestUtilities.MakeDestinationAddress(context.DestinationPrefix, context.Path, QueryString.Empty);
                context.ProxyRequest.RequestUri = new Uri(address.AbsoluteUri + query.Value, AsGiven);
            }

            return default;
        }
    }

    /// <summary>Tells <see cref="BufferedBodyHandler"/> about the attempts of requests with a body.</summary>
    private sealed class BufferedBody : RequestTransform
    {
        public override ValueTask ApplyAsync(RequestTransformContext context)
        {
            if (context.ProxyRequest.Content is not null)
            {
                context.ProxyRequest.Options.Set(BufferedBodyHandler.Attempts, GatewayContext.Of(context.HttpContext).Attempts);
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
