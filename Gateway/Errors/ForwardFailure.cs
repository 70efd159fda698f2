using Gateway.Billing;
using Microsoft.AspNetCore.Connections;
using Yarp.ReverseProxy.Forwarder;

namespace Gateway.Errors;

/// <summary>Interprets a failure of YARP's forwarder, for the error response and for the settlement.</summary>
internal static class ForwardFailure
{
    /// <summary>The end of the request, and the error to send if the response has not started.</summary>
    public static (RequestEnd End, GatewayError Error) Classify(IForwarderErrorFeature failure, int status) => failure.Error switch
    {
        ForwarderError.RequestTimedOut or ForwarderError.RequestCanceled or ForwarderError.RequestBodyCanceled
            or ForwarderError.ResponseBodyCanceled
            or ForwarderError.UpgradeActivityTimeout => (RequestEnd.UpstreamTimedOut, GatewayError.UpstreamTimedOut),
        ForwarderError.NoAvailableDestinations => (RequestEnd.UpstreamUnreachable, GatewayError.UpstreamUnavailable),
        ForwarderError.ResponseBodyDestination or ForwarderError.ResponseHeaders => (RequestEnd.UpstreamBroke, GatewayError.UpstreamBroke),
        ForwarderError.RequestBodyClient => (RequestEnd.Refused, GatewayError.ForStatus(status)),
        ForwarderError.RequestCreation => (RequestEnd.Failed, GatewayError.Internal),
        _ => (RequestEnd.UpstreamUnreachable, GatewayError.UpstreamUnreachable),
    };

    /// <summary>Whether the client closed the connection during the transfer. Kestrel may not have noticed yet.</summary>
    public static bool IsClientGone(IForwarderErrorFeature failure) => failure.Error switch
    {
        ForwarderError.RequestBodyClient => failure.Exception is ConnectionResetException
            || (failure.Exception is AggregateException all && all.InnerExceptions.Any(static inner => inner is ConnectionResetException)),
        ForwarderError.ResponseBodyClient => true,
        _ => false,
    };

    /// <summary>Whether the request failed before upstream could see any byte of it, so that it cannot be billed.</summary>
    public static bool IsBeforeSending(IForwarderErrorFeature failure)
    {
        if (failure.Error is ForwarderError.NoAvailableDestinations or ForwarderError.RequestCreation)
        {
            return true;
        }

        for (var fault = failure.Exception; fault is not null; fault = fault.InnerException)
        {
            if (fault is HttpRequestException
                {
                    HttpRequestError: HttpRequestError.NameResolutionError or HttpRequestError.ConnectionError
                        or HttpRequestError.SecureConnectionError or HttpRequestError.ProxyTunnelError,
                })
            {
                return true;
            }
        }

        return false;
    }
}
