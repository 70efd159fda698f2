using Gateway.Admission;
using Gateway.Billing;
using Microsoft.AspNetCore.Connections;
using Xunit;
using Yarp.ReverseProxy.Forwarder;

namespace Gateway.Tests.Gateway.Admission;

/// <summary>The end of a call whose answer was not observed to its end: the most specific fact decides.</summary>
public sealed class CallEndTests
{
    internal static TheoryData<string, RequestEnd, bool, IForwarderErrorFeature?, bool, RequestEnd> Cases => new()
    {
        { "nothing happened", RequestEnd.Completed, false, null, false, RequestEnd.Completed },
        { "an exception", RequestEnd.Completed, false, null, true, RequestEnd.Failed },
        { "upstream was silent", RequestEnd.Completed, false, new Failure(ForwarderError.RequestTimedOut), false, RequestEnd.UpstreamTimedOut },
        { "no connection", RequestEnd.Completed, false, new Failure(ForwarderError.Request), false, RequestEnd.UpstreamUnreachable },
        { "a failure and an exception", RequestEnd.Completed, false, new Failure(ForwarderError.ResponseHeaders), true, RequestEnd.UpstreamBroke },
        { "the client was gone while it sent", RequestEnd.Completed, false, new Failure(ForwarderError.RequestBodyClient, new ConnectionResetException("")), false, RequestEnd.ClientLeft },
        { "the client was gone while it read", RequestEnd.Completed, false, new Failure(ForwarderError.ResponseBodyClient), false, RequestEnd.ClientLeft },
        { "the client left before the failure", RequestEnd.Completed, true, new Failure(ForwarderError.RequestCanceled), false, RequestEnd.ClientLeft },
        { "the client left before the exception", RequestEnd.Completed, true, null, true, RequestEnd.ClientLeft },
        { "a stream that broke", RequestEnd.UpstreamBroke, true, new Failure(ForwarderError.ResponseBodyDestination), true, RequestEnd.UpstreamBroke },
        { "a refusal", RequestEnd.Refused, true, null, false, RequestEnd.Refused },
    };

    [Fact]
    public void MostSpecificFact_Decides() => Assert.All(
        Cases.Select(row => row.Data),
        row =>
        {
            var (name, recorded, hasClientLeft, failure, hasThrown, expected) = row;
            Assert.True(expected == CallEnd.Of(recorded, hasClientLeft, failure, 502, hasThrown), name);
        });

    private sealed class Failure(ForwarderError error, Exception? exception = null) : IForwarderErrorFeature
    {
        public ForwarderError Error => error;

        public Exception? Exception => exception;
    }
}
