using Gateway.Billing;
using Gateway.Errors;
using Yarp.ReverseProxy.Forwarder;

namespace Gateway.Admission;

/// <summary>Determines the end of a call whose response was not observed completely.</summary>
internal static class CallEnd
{
    /// <summary>Decides by the facts after the inner phases have returned. A more specific fact takes precedence.</summary>
    /// <param name="recorded">The end that a phase has recorded; <see cref="RequestEnd.Completed"/> if none has.</param>
    /// <param name="hasClientLeft">Whether the client has left; see <see cref="ForwardFailure.HasClientLeft"/>.</param>
    /// <param name="failure">The failure of YARP's forwarder; <see langword="null"/> without a failure.</param>
    /// <param name="status">The status of the response.</param>
    /// <param name="hasThrown">Whether an exception left the inner phases.</param>
    public static RequestEnd Of(RequestEnd recorded, bool hasClientLeft, IForwarderErrorFeature? failure, int status, bool hasThrown) =>
        recorded != RequestEnd.Completed ? recorded
        : hasClientLeft ? RequestEnd.ClientLeft
        : failure is not null ? ForwardFailure.IsClientGone(failure) ? RequestEnd.ClientLeft : ForwardFailure.Classify(failure, status).End
        : hasThrown ? RequestEnd.Failed
        : RequestEnd.Completed;
}
