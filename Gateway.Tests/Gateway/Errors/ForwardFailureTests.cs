using Gateway.Billing;
using Gateway.Errors;
using Xunit;
using Yarp.ReverseProxy.Forwarder;

namespace Gateway.Tests.Gateway.Errors;

/// <summary>Promise: a request that upstream has surely not processed is recognised in every form that the HTTP client and YARP give it.</summary>
public sealed class ForwardFailureTests
{
    public static TheoryData<ForwarderError, Exception?, bool> Failures => new()
    {
        { ForwarderError.NoAvailableDestinations, null, true },
        { ForwarderError.RequestCreation, new InvalidOperationException(), true },
        { ForwarderError.Request, new HttpRequestException(HttpRequestError.NameResolutionError), true },
        { ForwarderError.Request, new HttpRequestException(HttpRequestError.ConnectionError), true },
        { ForwarderError.Request, new HttpRequestException(HttpRequestError.SecureConnectionError), true },
        { ForwarderError.Request, new HttpRequestException(HttpRequestError.ProxyTunnelError), true },
        { ForwarderError.Request, new HttpRequestException("x", new HttpProtocolException(7, "REFUSED_STREAM", null)), true },
        { ForwarderError.RequestBodyClient, new RequestNotProcessedException(), true },
        {
            ForwarderError.RequestBodyDestination,
            new AggregateException(new IOException(), new HttpRequestException("x", new RequestNotProcessedException())),
            true
        },
        { ForwarderError.RequestTimedOut, new OperationCanceledException("x", new TimeoutException()), true },
        { ForwarderError.RequestTimedOut, new OperationCanceledException(), false },
        { ForwarderError.Request, new HttpRequestException("x", new HttpProtocolException(8, "CANCEL", null)), false },
        { ForwarderError.Request, new HttpRequestException(HttpRequestError.ResponseEnded), false },
        { ForwarderError.RequestBodyDestination, new AggregateException(new IOException(), new IOException()), false },
        { ForwarderError.ResponseBodyDestination, new IOException(), false },
        { ForwarderError.ResponseHeaders, new HttpProtocolException(7, "REFUSED_STREAM", null), false },
        { ForwarderError.ResponseBodyDestination, new HttpProtocolException(7, "REFUSED_STREAM", null), false },
    };

    [Theory]
    [MemberData(nameof(Failures))]
    public void NotProcessed_IsRecognised(ForwarderError error, Exception? exception, bool expected)
    {
        var failure = new Failure(error, exception);

        Assert.Equal(expected, ForwardFailure.IsNotProcessed(failure));
        if (expected && error is not ForwarderError.NoAvailableDestinations and not ForwarderError.RequestCreation)
        {
            Assert.Equal((RequestEnd.UpstreamUnreachable, GatewayError.UpstreamUnreachable), ForwardFailure.Classify(failure, 400));
        }
    }

    [Theory]
    [InlineData(ForwarderError.RequestBodyClient, 400)]
    [InlineData(ForwarderError.RequestBodyDestination, 502)]
    public void TimeLimitDuringTheRequestsBody_IsUpstreamsTimeout(ForwarderError error, int status)
    {
        var failure = new Failure(error, new AggregateException(new IOException(), new ResponseTimeoutException()));

        Assert.Equal((RequestEnd.UpstreamTimedOut, GatewayError.UpstreamTimedOut), ForwardFailure.Classify(failure, status));
        Assert.False(ForwardFailure.IsNotProcessed(failure));
    }

    /// <summary>Upstream ends an upload by a reset, and stops to read it; the client's are a timeout of its own and bad framing.</summary>
    [Fact]
    public void EndOfAnUpload_IsThatOfTheSideThatEndedIt()
    {
        Exception stopped = new AggregateException(new OperationCanceledException(), new HttpRequestException());
        Exception malformed = new AggregateException(new Microsoft.AspNetCore.Http.BadHttpRequestException("x", 400), new HttpRequestException());

        Assert.Equal(RequestEnd.UpstreamUnreachable, EndOf(ForwarderError.RequestBodyClient, stopped, 400));
        Assert.Equal(RequestEnd.Refused, EndOf(ForwarderError.RequestBodyClient, stopped, 408));
        Assert.Equal(RequestEnd.Refused, EndOf(ForwarderError.RequestBodyClient, malformed, 400));
        Assert.Equal(RequestEnd.UpstreamTimedOut, EndOf(ForwarderError.RequestBodyDestination, stopped, 504));
        Assert.Equal(RequestEnd.UpstreamUnreachable, EndOf(ForwarderError.RequestBodyDestination, stopped, 502));
    }

    [Theory]
    [InlineData(ForwarderError.RequestBodyCanceled, true)]
    [InlineData(ForwarderError.RequestBodyClient, true)]
    [InlineData(ForwarderError.RequestBodyDestination, true)]
    [InlineData(ForwarderError.ResponseBodyDestination, false)]
    [InlineData(ForwarderError.Request, false)]
    public void FailureOfTheBodyAlone_IsBehindTheResponse(ForwarderError error, bool expected)
    {
        Assert.Equal(expected, ForwardFailure.IsBehindResponse(new Failure(error, new OperationCanceledException())));
        Assert.False(ForwardFailure.IsBehindResponse(new Failure(error, new AggregateException(new IOException(), new IOException()))));
    }

    [Fact]
    public async Task ConnectTimeout_OfTheHttpClient_IsRecognised()
    {
        using var handler = new SocketsHttpHandler
        {
            ConnectTimeout = TimeSpan.FromMilliseconds(1),
            ConnectCallback = async (_, token) =>
            {
                await new TaskCompletionSource().Task.WaitAsync(token);
                return Stream.Null;
            },
        };
        using var client = new HttpMessageInvoker(handler);
        using var request = new HttpRequestMessage(HttpMethod.Get, "http://upstream.example/");

        var fault = await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => client.SendAsync(request, TestContext.Current.CancellationToken));

        Assert.True(ForwardFailure.IsNotProcessed(new Failure(ForwarderError.RequestTimedOut, fault)));
    }

    private static RequestEnd EndOf(ForwarderError error, Exception fault, int status) =>
        ForwardFailure.Classify(new Failure(error, fault), status).End;

    private sealed class Failure(ForwarderError error, Exception? exception) : IForwarderErrorFeature
    {
        public ForwarderError Error => error;

        public Exception? Exception => exception;
    }
}
