using Yarp.ReverseProxy.Forwarder;

namespace Gateway.Observability;

/// <summary>Tells the reason of a failed hop to upstream, for the log.</summary>
internal static class FailureReason
{
    /// <summary>
    /// The message of the innermost exception, which describes a socket or protocol error. A message that quotes upstream's data, such as an
    /// invalid chunk length, is cut before the quotation.
    /// </summary>
    /// <returns>The reason; <see langword="null"/> without a failure.</returns>
    public static string? Of(IForwarderErrorFeature? failure)
    {
        var reason = failure?.Exception?.GetBaseException().Message;
        var quotation = reason?.IndexOf('\'') ?? -1;
        return quotation < 0 ? reason : reason![..quotation].TrimEnd(' ', ':');
    }
}
