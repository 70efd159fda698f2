using Gateway.Billing;
using Gateway.Errors;
using Yarp.ReverseProxy.Forwarder;

namespace Gateway.Admission;

/// <summary>Judges how a call ended whose answer was not observed to its end.</summary>
internal static class CallEnd
{
    /// <summary>Decides by the facts that are known when the inner phases have returned, the most specific one first.</summary>
    /// <param name="recorded">The end that a phase has recorded; <see cref="RequestEnd.Completed"/> for none.</param>
    /// <param name="hasClientLeft">Whether the client's connection is closed.</param>
    /// <param name="failure">The failure of YARP's forwarder, if there was one.</param>
    /// <param name="status">The status of the response.</param>
    /// <param name="hasThrown">Whether an exception left the inner phases.</param>
    public static RequestEnd Of(RequestEnd recorded, bool hasClientLeft, IForwarderErrorFeature? failure, int status, bool hasThrown) =>
        recorded != RequestEnd.Completed ? recorded
        : hasClientLeft ? RequestEnd.ClientLeft
        : failure is not null ? ForwardFailure.IsClientGone(failure) ? RequestEnd.ClientLeft : ForwardFailure.Classify(failure, status).End
        : hasThrown ? RequestEnd.Failed
        : RequestEnd.Completed;
}
