using Gateway.Billing;
using Gateway.Errors;
using Gateway.Requests;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;
using Yarp.ReverseProxy.Forwarder;

namespace Gateway.Tests.Gateway.Errors;

/// <summary>
/// Promise: a request that the shutdown cuts ends with an error of the shutdown, also if the failure that the cut causes is seen first; and a
/// response that upstream breaks is not taken for a client that has left, although YARP aborts the client's connection.
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

        var (context, request) = Create(cut.Token);
        await FailAsync(context, ForwarderError.RequestTimedOut, StatusCodes.Status504GatewayTimeout);

        Assert.Equal((status, end), (context.Response.StatusCode, request.End.ToString()));
    }

    [Theory]
    [InlineData(ForwarderError.ResponseBodyDestination, 502, nameof(RequestEnd.UpstreamBroke))]
    [InlineData(ForwarderError.ResponseBodyCanceled, 499, nameof(RequestEnd.ClientLeft))]
    [InlineData(ForwarderError.RequestTimedOut, 499, nameof(RequestEnd.ClientLeft))]
    public async Task AbortedConnection_IsAClientThatLeftUnlessTheResponseBroke(ForwarderError failure, int status, string end)
    {
        var (context, request) = Create(CancellationToken.None);
        context.RequestAborted = new CancellationToken(canceled: true);
        await FailAsync(context, failure, StatusCodes.Status502BadGateway);

        Assert.Equal((status, end), (context.Response.StatusCode, request.End.ToString()));
    }

    private static (DefaultHttpContext Context, GatewayContext Request) Create(CancellationToken cut)
    {
        var request = new GatewayContext { StartedAt = 0, ArrivedAt = DateTimeOffset.UnixEpoch, Cut = cut };
        var context = new DefaultHttpContext();
        context.Features.Set(request);
        context.Request.Path = "/v1/chat/completions";
        return (context, request);
    }

    private static Task FailAsync(HttpContext context, ForwarderError failure, int status)
    {
        var middleware = new ErrorMiddleware(
            context =>
            {
                context.Features.Set<IForwarderErrorFeature>(new Failure(failure));
                context.Response.StatusCode = status;
                return Task.CompletedTask;
            },
            NullLogger<ErrorMiddleware>.Instance);
        return middleware.InvokeAsync(context);
    }

    private sealed class Failure(ForwarderError error) : IForwarderErrorFeature
    {
        public ForwarderError Error => error;

        public Exception? Exception => error == ForwarderError.ResponseBodyDestination ? new IOException() : new OperationCanceledException();
    }
}
