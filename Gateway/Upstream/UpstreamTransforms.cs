using System.Net.Http.Headers;
using Gateway.Admission;
using Gateway.Errors;
using Gateway.Metering;
using Gateway.Requests;
using OpenRouterGateway.Transforms.ProviderMapping;
using Yarp.ReverseProxy.Forwarder;
using Yarp.ReverseProxy.Transforms;
using Yarp.ReverseProxy.Transforms.Builder;

namespace Gateway.Upstream;

/// <summary>
/// What holds on every route, whatever its settings say: clean headers on the way there, marked and watched answers on the way back.
/// </summary>
internal sealed class UpstreamTransforms(TimeProvider time, ILogger<UpstreamTransforms> logger) : ITransformProvider
{
    /// <summary>How OpenRouter names a generation, before its first token (its streaming guide).</summary>
    private const string GenerationId = "X-Generation-Id";

    // Its ids have some forty characters.
    private const int LongestId = 200;

    public void ValidateRoute(TransformRouteValidationContext context)
    {
    }

    public void ValidateCluster(TransformClusterValidationContext context)
    {
    }

    public void Apply(TransformBuilderContext context)
    {
        // Nobody upstream is told who called; a route that must tell somebody can still say so with YARP's own transform.
        context.UseDefaultForwarders = false;

        // First, so that what a route adds by its own transforms stays.
        context.RequestTransforms.Insert(0, new CleanHeaders());

        // Last, when path and query are what the route's own transforms have made of them, and no other can have the last word on
        // whose key goes upstream.
        context.RequestTransforms.Add(new TeamRequest(context.Route.RouteId, logger));
        context.RequestTransforms.Add(new ExactQuery());
        context.RequestTransforms.Add(new HeldBody());
        context.AddResponseTransform(OnResponse);
    }

    private ValueTask OnResponse(ResponseTransformContext transform)
    {
        // Headers were copied by now. Without a response there is nothing to watch: the Errors phase answers.
        var context = transform.HttpContext;
        if (transform.ProxyResponse is { } response)
        {
            HopHeaders.Clean(context.Response, response);
            GatewayResponseHeaders.Claim(context.Response);
            GatewayResponseHeaders.Apply(context);
            var request = GatewayContext.Of(context);
            request.FirstByteAt = time.GetTimestamp();
            request.UpstreamStatus = context.Response.StatusCode;
            var isEventStream = IsEventStream(response.Content.Headers);
            if (context.Response.StatusCode is StatusCodes.Status204NoContent or StatusCodes.Status205ResetContent)
            {
                // These have no body, whatever upstream announces; the server would make a 500 of one that it is promised or given.
                context.Response.ContentLength = null;
                transform.SuppressResponseBody = true;
            }
            else if (isEventStream)
            {
                response.Content = new EventStreamContent(response, context, time);
            }

            if (request.Reservation is { } reservation)
            {
                return MeterAsync(request, reservation, response, isEventStream);
            }
        }

        return default;
    }

    /// <summary>
    /// Takes the generation's id and lets the answer be watched. The id of a stream is durable before its headers go out; that of any other
    /// answer before its first byte, which is one write for both where the answer comes in one piece.
    /// </summary>
    private ValueTask MeterAsync(GatewayContext request, Reservation reservation, HttpResponseMessage response, bool isEventStream)
    {
        if (request.Endpoint is { OrdersAJob: false }
            && response.Headers.NonValidated.TryGetValues(GenerationId, out var ids)
            && ids.ToString() is { Length: > 0 and <= LongestId } id)
        {
            reservation.Name(id);
        }

        // EventStreamContent has no headers of its own: those of the answer were copied by now, and say how it is encoded.
        var inner = response.Content is EventStreamContent watched ? watched.Inner : response.Content;
        request.Answer = new MeteredResponse(request, (int)response.StatusCode, isEventStream, inner.Headers, time);
        response.Content = new ObservedContent(response.Content, request.Answer);
        return isEventStream ? reservation.KeepNameAsync() : default;
    }

    private static bool IsEventStream(HttpContentHeaders headers) =>
        headers.NonValidated.TryGetValues("Content-Type", out var types)
        && types.ToString().AsSpan().TrimStart().StartsWith("text/event-stream", StringComparison.OrdinalIgnoreCase);

    /// <summary>
    /// Keeps a query string as it was sent. A <see cref="Uri"/> would otherwise write it in its own way: <c>%41</c> as <c>A</c>, <c>|</c>
    /// as <c>%7C</c>, <c>%zz</c> as <c>%25zz</c>. The path is written in one way on purpose: it is what the gateway has judged.
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

    private sealed class HeldBody : RequestTransform
    {
        public override ValueTask ApplyAsync(RequestTransformContext context)
        {
            if (context.HttpContext.Features.Get<IProviderMappingFeature>() is not null)
            {
                context.ProxyRequest.Options.Set(BufferedBodyHandler.IsHeld, true);
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
