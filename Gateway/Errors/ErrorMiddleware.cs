using Gateway.Billing;
using Gateway.Ledger;
using Gateway.Primitives;
using Gateway.Requests;
using Gateway.Routing;
using Microsoft.AspNetCore.Http.Features;
using Yarp.ReverseProxy.Forwarder;

namespace Gateway.Errors;

/// <summary>
/// The Errors phase: whatever fails further in leaves as an error in the dialect of its route, if it can still leave at all.
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

            if (RequestPaths.IsAmbiguous(context.Request.Path))
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
            // The framework's bare status. An answer that says its length is one of ours: to HEAD it has no body.
            await RefuseAsync(context, GatewayError.ForStatus(context.Response.StatusCode));
        }
    }

    /// <summary>Answers a request that goes no further.</summary>
    public static Task RefuseAsync(HttpContext context, GatewayError error)
    {
        var request = GatewayContext.Of(context);
        request.End = error.Origin == ErrorOrigin.Gateway ? RequestEnd.Failed : RequestEnd.Refused;
        request.RefusalCode = error.Code;
        return GatewayErrorWriter.WriteAsync(context, error);
    }

    private async Task HandleAsync(HttpContext context, Exception exception)
    {
        var request = GatewayContext.Of(context);
        if (context.RequestAborted.IsCancellationRequested
            || exception is OperationCanceledException or (IOException and not BadHttpRequestException))
        {
            // Not an error of anybody here: callers hang up.
            request.End = RequestEnd.ClientLeft;
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

        request.End = RequestEnd.Failed;
        Log.RequestFailed(_logger, exception, request.RequestId);
        if (context.Response.HasStarted)
        {
            context.Abort();
            return;
        }

        context.Response.Clear();
        await RefuseAsync(context, GatewayError.Internal);
    }

    private static async Task HandleAsync(HttpContext context, IForwarderErrorFeature failure)
    {
        var request = GatewayContext.Of(context);
        if (context.RequestAborted.IsCancellationRequested)
        {
            // An event stream that broke has said so before it aborted the connection.
            if (request.End == RequestEnd.Completed)
            {
                request.End = RequestEnd.ClientLeft;
            }

            return;
        }

        if (ForwardFailure.IsClientGone(failure))
        {
            // The server does not know it yet, and would go on to read the rest of the body, in vain and with an error in the log.
            request.End = RequestEnd.ClientLeft;
            context.Abort();
            return;
        }

        (request.End, var error) = ForwardFailure.Classify(failure, context.Response.StatusCode);
        if (!context.Response.HasStarted)
        {
            // Of an answer that could not be used there may be headers by now.
            context.Response.Clear();
            await GatewayErrorWriter.WriteAsync(context, error);
        }
    }

    /// <summary>Whether a CONNECT asks for what YARP does not forward: anything but the WebSocket of HTTP/2.</summary>
    private static bool IsTunnel(HttpContext context) =>
        HttpMethods.IsConnect(context.Request.Method)
        && context.Features.Get<IHttpExtendedConnectFeature>() is not { IsExtendedConnect: true, Protocol: "websocket" };

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
