using Gateway.Billing;
using Gateway.Ledger;
using Gateway.Primitives;
using Gateway.Requests;
using Gateway.Routing;
using Microsoft.AspNetCore.Http.Features;
using Yarp.ReverseProxy.Forwarder;

namespace Gateway.Errors;

/// <summary>
/// The Errors phase. Turns every failure of an inner phase into an error response in the dialect of the route, unless the response has
/// started.
/// </summary>
internal sealed partial class ErrorMiddleware
{
    private readonly RequestDelegate _next;
    private readonly ILogger<ErrorMiddleware> _logger;

    public ErrorMiddleware(RequestDelegate next, ILogger<ErrorMiddleware> logger)
    {
        _next = next;
        _logger = logger;
    }

    public async Task InvokeAsync(HttpContext context)
    {
        try
        {
            if (IsTunnel(context))
            {
                await RefuseAsync(context, GatewayError.MethodNotAllowed);
                return;
            }

            if (IsMisframed(context.Request.Headers))
            {
                await RefuseAsync(context, GatewayError.BadRequest);
                return;
            }

            if (RequestPaths.IsAmbiguous(context.Request) && !CorsPreflight.IsRequested(context))
            {
                await RefuseAsync(context, GatewayError.NotFound);
                return;
            }

            await _next(context);
        }
        catch (Exception exception)
        {
            await HandleAsync(context, exception);
            return;
        }

        if (context.Features.Get<IForwarderErrorFeature>() is { } failure)
        {
            await HandleAsync(context, failure);
        }
        else if (context.Response is { StatusCode: >= 400, HasStarted: false, ContentLength: null } && !WasForwarded(context))
        {
            // The framework has set a status without a body. An error of the gateway always has a Content-Length, also in response to HEAD.
            await RefuseAsync(context, GatewayError.ForStatus(context.Response.StatusCode));
        }
    }

    /// <summary>Refuses a request: records its end, ends its lease and writes the error response.</summary>
    public static async Task RefuseAsync(HttpContext context, GatewayError error)
    {
        var request = GatewayContext.Of(context);
        request.EndAs(error.Origin == ErrorOrigin.Gateway ? RequestEnd.Failed : RequestEnd.Refused, error.Code);

        // A client that has read the response can use its place at once.
        await request.EndLeaseAsync();
        await GatewayErrorWriter.WriteAsync(context, error);
    }

    /// <summary>
    /// Ends a request whose client has left. The status of a response that has not started becomes 499, for log and metrics: YARP may have set
    /// the status of an error. The first recorded end is kept, and with it the status.
    /// </summary>
    public static void EndWithoutClient(HttpContext context)
    {
        var request = GatewayContext.Of(context);
        request.EndAs(RequestEnd.ClientLeft);
        if (request.End == RequestEnd.ClientLeft && !context.Response.HasStarted)
        {
            context.Response.StatusCode = StatusCodes.Status499ClientClosedRequest;
        }
    }

    private async Task HandleAsync(HttpContext context, Exception exception)
    {
        var request = GatewayContext.Of(context);
        if (request.IsCutByShutdown())
        {
            await EndByShutdownAsync(context);
            return;
        }

        if (context.RequestAborted.IsCancellationRequested
            || exception is OperationCanceledException or (IOException and not BadHttpRequestException))
        {
            // A client that disconnects is not a failure of the gateway or of upstream.
            EndWithoutClient(context);
            Log.ClientLeft(_logger, request.RequestId);
            context.Abort();
            return;
        }

        if (exception is LedgerException && !context.Response.HasStarted)
        {
            await RefuseAsync(context, GatewayError.UsageUnavailable);
            return;
        }

        if (exception is BadHttpRequestException bad && !context.Response.HasStarted)
        {
            await RefuseAsync(context, GatewayError.ForStatus(bad.StatusCode));
            return;
        }

        Log.RequestFailed(_logger, exception, request.RequestId);
        if (context.Response.HasStarted)
        {
            request.EndAs(RequestEnd.Failed);
            context.Abort();
            return;
        }

        context.Response.Clear();
        await RefuseAsync(context, GatewayError.Internal);
    }

    private static async Task HandleAsync(HttpContext context, IForwarderErrorFeature failure)
    {
        var request = GatewayContext.Of(context);
        if (request.HasUpstream && ForwardFailure.IsBehindResponse(failure))
        {
            return;
        }

        if (request.IsCutByShutdown())
        {
            await EndByShutdownAsync(context);
            return;
        }

        if (ForwardFailure.HasClientLeft(context, failure))
        {
            // EventStream has already recorded the end of a broken stream; the first recorded end is kept.
            EndWithoutClient(context);
            return;
        }

        if (ForwardFailure.IsClientGone(failure))
        {
            // Kestrel has not noticed the disconnect yet. Without the abort it would read the rest of the body and log an error.
            EndWithoutClient(context);
            context.Abort();
            return;
        }

        var (end, error) = ForwardFailure.Classify(failure, context.Response.StatusCode);
        request.EndAs(end);
        if (!context.Response.HasStarted)
        {
            // YARP may have copied headers of the unusable response.
            context.Response.Clear();

            // A call that upstream has not taken may be repeated.
            var isUntaken = ReferenceEquals(error, GatewayError.UpstreamTimedOut) && request is { HasAttempts: true, Attempts.IsUnread: true };
            await GatewayErrorWriter.WriteAsync(context, isUntaken ? error with { Headers = [] } : error);
        }
    }

    /// <summary>Ends a request that the shutdown has cut. A response that has started is incomplete, so its connection is aborted.</summary>
    private static Task EndByShutdownAsync(HttpContext context)
    {
        if (context.Response.HasStarted)
        {
            context.Abort();
            return Task.CompletedTask;
        }

        context.Response.Clear();
        return RefuseAsync(context, GatewayError.Stopping);
    }

    /// <summary>Whether the request is a CONNECT for a tunnel. YARP forwards extended CONNECT for WebSockets only.</summary>
    private static bool IsTunnel(HttpContext context) =>
        HttpMethods.IsConnect(context.Request.Method)
        && context.Features.Get<IHttpExtendedConnectFeature>() is not { IsExtendedConnect: true, Protocol: "websocket" };

    /// <summary>
    /// Whether the request has a length beside chunks, which Kestrel renames to <c>X-Content-Length</c>, or a transfer coding beside them, which it
    /// forgets. Upstream would receive a header that the client did not send, or a compressed body that does not say so.
    /// </summary>
    private static bool IsMisframed(IHeaderDictionary headers) => headers.TransferEncoding is { Count: > 0 } coding
        && (headers.ContainsKey("X-Content-Length") || !coding.ToString().Trim().Equals("chunked", StringComparison.OrdinalIgnoreCase));

    private static bool WasForwarded(HttpContext context) =>
        context.Features.Get<Yarp.ReverseProxy.Model.IReverseProxyFeature>()?.ProxiedDestination is not null;

    private static partial class Log
    {
        [LoggerMessage(LogEvents.ClientLeft, LogLevel.Debug, "The client left. Request {RequestId}")]
        public static partial void ClientLeft(ILogger logger, string requestId);

        [LoggerMessage(LogEvents.RequestFailed, LogLevel.Error, "The gateway failed. Request {RequestId}")]
        public static partial void RequestFailed(ILogger logger, Exception exception, string requestId);
    }
}
