using Gateway.Billing;
using Microsoft.AspNetCore.Connections;
using Yarp.ReverseProxy.Forwarder;

namespace Gateway.Errors;

/// <summary>Interprets a failure of YARP's forwarder, for the error response and for the settlement.</summary>
internal static class ForwardFailure
{
    /// <summary>HTTP/2's error code <c>REFUSED_STREAM</c>.</summary>
    private const long RefusedStream = 7;

    /// <summary>The end of the request, and the error to send if the response has not started.</summary>
    public static (RequestEnd End, GatewayError Error) Classify(IForwarderErrorFeature failure, int status) => failure.Error switch
    {
        // A timeout of the connection attempt is reported as a cancellation, and a refused stream may be reported as a fault of the body.
        ForwarderError.RequestCreation => (RequestEnd.Failed, GatewayError.Internal),
        not ForwarderError.NoAvailableDestinations when IsNotProcessed(failure) =>
            (RequestEnd.UpstreamUnreachable, GatewayError.UpstreamUnreachable),
        _ when IsTimeLimit(failure.Exception) => (RequestEnd.UpstreamTimedOut, GatewayError.UpstreamTimedOut),
        ForwarderError.RequestTimedOut or ForwarderError.RequestCanceled or ForwarderError.RequestBodyCanceled
            or ForwarderError.ResponseBodyCanceled
            or ForwarderError.UpgradeActivityTimeout => (RequestEnd.UpstreamTimedOut, GatewayError.UpstreamTimedOut),

        // A time limit ended the wait for the first data, or for the next.
        ForwarderError.ResponseHeaders or ForwarderError.ResponseBodyDestination when failure.Exception is OperationCanceledException =>
            (RequestEnd.UpstreamTimedOut, GatewayError.UpstreamTimedOut),
        ForwarderError.NoAvailableDestinations => (RequestEnd.UpstreamUnreachable, GatewayError.UpstreamUnavailable),
        ForwarderError.ResponseBodyDestination or ForwarderError.ResponseHeaders => (RequestEnd.UpstreamBroke, GatewayError.UpstreamBroke),

        // The HTTP client stops reading the request's body if upstream resets the stream or the connection breaks. A 408 is the client's.
        ForwarderError.RequestBodyClient when status != StatusCodes.Status408RequestTimeout && IsStopped(failure.Exception) =>
            (RequestEnd.UpstreamUnreachable, GatewayError.UpstreamUnreachable),
        ForwarderError.RequestBodyClient => (RequestEnd.Refused, GatewayError.ForStatus(status)),

        // Upstream has read none of the request's body during the activity timeout.
        ForwarderError.RequestBodyDestination when status == StatusCodes.Status504GatewayTimeout =>
            (RequestEnd.UpstreamTimedOut, GatewayError.UpstreamTimedOut),
        _ => (RequestEnd.UpstreamUnreachable, GatewayError.UpstreamUnreachable),
    };

    /// <summary>
    /// Whether the client has left. YARP aborts the client's connection when reading upstream's response fails, which looks the same
    /// afterwards.
    /// </summary>
    /// <param name="context">The request.</param>
    /// <param name="failure">The failure of YARP's forwarder; <see langword="null"/> without a failure.</param>
    public static bool HasClientLeft(HttpContext context, IForwarderErrorFeature? failure) =>
        context.RequestAborted.IsCancellationRequested && failure?.Error is not ForwarderError.ResponseBodyDestination;

    /// <summary>Whether the client closed the connection during the transfer. Kestrel may not have noticed yet.</summary>
    public static bool IsClientGone(IForwarderErrorFeature failure) => failure.Error switch
    {
        ForwarderError.RequestBodyClient => failure.Exception is ConnectionResetException
            || (failure.Exception is AggregateException all && all.InnerExceptions.Any(static inner => inner is ConnectionResetException)),
        ForwarderError.ResponseBodyClient => true,
        _ => false,
    };

    /// <summary>
    /// Whether only the request's body has failed, behind a response that has passed completely: upstream may respond before it has read the
    /// body. YARP reports any other failure of the body together with the exception of the request or of the response.
    /// </summary>
    public static bool IsBehindResponse(IForwarderErrorFeature failure) => failure is
    {
        Error: ForwarderError.RequestBodyCanceled or ForwarderError.RequestBodyClient or ForwarderError.RequestBodyDestination,
        Exception: not AggregateException,
    };

    /// <summary>
    /// Whether upstream has surely not processed the request, so that it cannot be billed: no connection was made, or upstream has refused
    /// the request's HTTP/2 stream or excluded it by a <c>GOAWAY</c>, before it sent headers.
    /// </summary>
    public static bool IsNotProcessed(IForwarderErrorFeature failure) =>
        failure.Error is ForwarderError.NoAvailableDestinations or ForwarderError.RequestCreation
        || Reason(failure) != Unprocessed.No;

    /// <summary>
    /// Why upstream has surely not processed a request that was to be sent to a destination. <see cref="Unprocessed.No"/> for a request that
    /// failed before a destination was involved.
    /// </summary>
    public static Unprocessed Reason(IForwarderErrorFeature failure) =>
        failure.Error is ForwarderError.NoAvailableDestinations or ForwarderError.RequestCreation || IsInResponse(failure.Error)
            ? Unprocessed.No
            : Reason(failure.Exception);

    /// <summary>
    /// Whether the failure came after the response's headers. Upstream has processed such a request, regardless of how the response ends.
    /// </summary>
    private static bool IsInResponse(ForwarderError error) => error is ForwarderError.ResponseHeaders or ForwarderError.ResponseBodyCanceled
        or ForwarderError.ResponseBodyClient or ForwarderError.ResponseBodyDestination or ForwarderError.UpgradeRequestCanceled
        or ForwarderError.UpgradeRequestClient or ForwarderError.UpgradeRequestDestination or ForwarderError.UpgradeResponseCanceled
        or ForwarderError.UpgradeResponseClient or ForwarderError.UpgradeResponseDestination or ForwarderError.UpgradeActivityTimeout;

    /// <summary>Whether a time limit of the gateway has ended the transfer, the request's body included.</summary>
    private static bool IsTimeLimit(Exception? fault) =>
        fault is ResponseTimeoutException || (fault is AggregateException all && all.InnerExceptions.Any(IsTimeLimit));

    /// <summary>Whether the copy of the request's body was cancelled. YARP names the exception of the body first.</summary>
    private static bool IsStopped(Exception? fault) =>
        fault is OperationCanceledException or AggregateException { InnerExceptions: [OperationCanceledException, ..] };

    private static Unprocessed Reason(Exception? fault) => fault switch
    {
        null => Unprocessed.No,
        AggregateException all => all.InnerExceptions.Select(Reason).FirstOrDefault(reason => reason != Unprocessed.No),
        RequestNotProcessedException => Unprocessed.Refused,
        HttpRequestException
        {
            HttpRequestError: HttpRequestError.NameResolutionError or HttpRequestError.ConnectionError
                or HttpRequestError.SecureConnectionError or HttpRequestError.ProxyTunnelError,
        } => Unprocessed.NoConnection,
        HttpProtocolException { ErrorCode: RefusedStream } => Unprocessed.Refused,

        // SocketsHttpHandler's ConnectTimeout. Other timeouts of the gateway cancel a token without a TimeoutException.
        OperationCanceledException { InnerException: TimeoutException } => Unprocessed.NoConnection,
        _ => Reason(fault.InnerException),
    };
}
