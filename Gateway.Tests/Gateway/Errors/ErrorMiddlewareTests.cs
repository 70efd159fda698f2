using Gateway.Billing;
using Gateway.Errors;
using Gateway.Requests;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;
using Yarp.ReverseProxy.Forwarder;

namespace Gateway.Tests.Gateway.Errors;

/// <summary>
/// Promise: a request that the shutdown cuts ends with an error of the shutdown, also if the failure that the cut causes is seen first.
/// </summary>
public sealed class ErrorMiddlewareTests
{
    [Theory]
    [InlineData(true, 503, nameof(RequestEnd.Shutdown))]
    [InlineData(false, 504, nameof(RequestEnd.UpstreamTimedOut))]
    public async Task FailureOfTheForwarder_IsTheShutdownsIfTheRequestIsCut(bool isCut, int status, string end)
    {
        using var cut = new CancellationTokenSource();
        if (isCut)
        {
            await cut.CancelAsync();
        }

        var request = new GatewayContext { StartedAt = 0, ArrivedAt = DateTimeOffset.UnixEpoch, Cut = cut.Token };
        var context = new DefaultHttpContext();
        context.Features.Set(request);
        context.Request.Path = "/v1/chat/completions";
        var middleware = new ErrorMiddleware(
            static context =>
            {
                context.Features.Set<IForwarderErrorFeature>(new TimedOut());
                context.Response.StatusCode = StatusCodes.Status504GatewayTimeout;
                return Task.CompletedTask;
            },
            NullLogger<ErrorMiddleware>.Instance);

        await middleware.InvokeAsync(context);

        Assert.Equal((status, end), (context.Response.StatusCode, request.End.ToString()));
    }

    private sealed class TimedOut : IForwarderErrorFeature
    {
        public ForwarderError Error => ForwarderError.RequestTimedOut;

        public Exception? Exception => new OperationCanceledException();
    }
}
