using Gateway.Admission;
using Gateway.Billing;
using Gateway.Requests;
using Microsoft.AspNetCore.Http;
using Xunit;

namespace Gateway.Tests.Gateway.Admission;

/// <summary>Promise: a request that the shutdown cuts is told from one whose client has left.</summary>
public sealed class InFlightMiddlewareTests : IDisposable
{
    private readonly RequestsInFlight _inFlight = new();
    private readonly CancellationTokenSource _client = new();
    private readonly DefaultHttpContext _context = new();
    private readonly GatewayContext _request = new() { StartedAt = 0 };

    public InFlightMiddlewareTests()
    {
        _context.Features.Set(_request);
        _context.RequestAborted = _client.Token;
    }

    public void Dispose()
    {
        _inFlight.Dispose();
        _client.Dispose();
    }

    [Fact]
    public async Task Request_IsCountedUntilItsEnd()
    {
        await InvokeAsync(() =>
        {
            Assert.Equal(1, _inFlight.Count);
            return Task.FromException(new IOException());
        });

        Assert.Equal(0, _inFlight.Count);
        Assert.Equal(_client.Token, _context.RequestAborted);
    }

    [Fact]
    public async Task RequestAboveTheLimit_IsRefusedUntilAnotherEnds()
    {
        _inFlight.Limit = 1;
        var hasRun = false;
        Assert.True(_inFlight.TryEnter());

        await InvokeAsync(() => throw new InvalidOperationException("The request is above the limit."));
        Assert.Equal((503, "1"), (_context.Response.StatusCode, _context.Response.Headers.RetryAfter.ToString()));
        Assert.Equal("server_busy", _request.RefusalCode);

        _inFlight.Exit();
        await InvokeAsync(() =>
        {
            hasRun = true;
            return Task.CompletedTask;
        });
        Assert.True(hasRun);
        Assert.Equal(0, _inFlight.Count);
    }

    [Fact]
    public async Task Cut_IsRecordedBeforeTheRequestIsAborted()
    {
        await InvokeAsync(() =>
        {
            RequestEnd? seen = null;
            using var registration = _context.RequestAborted.Register(() => seen = _request.End);
            _inFlight.CutAll();
            Assert.Equal(RequestEnd.Shutdown, seen);
            Assert.True(_request.Cut.IsCancellationRequested);
            return Task.CompletedTask;
        });

        Assert.Equal(RequestEnd.Shutdown, _request.End);
        Assert.False(_context.RequestAborted.IsCancellationRequested);
    }

    [Fact]
    public async Task RequestAfterTheCut_IsCutAtOnce()
    {
        _inFlight.CutAll();

        await InvokeAsync(() =>
        {
            Assert.True(_context.RequestAborted.IsCancellationRequested);
            return Task.CompletedTask;
        });

        Assert.Equal(RequestEnd.Shutdown, _request.End);
    }

    [Fact]
    public async Task ClientThatLeaves_AbortsTheRequestWithoutACut()
    {
        await InvokeAsync(async () =>
        {
            await _client.CancelAsync();
            Assert.True(_context.RequestAborted.IsCancellationRequested);
        });

        Assert.Equal(RequestEnd.Completed, _request.End);
        Assert.False(_request.Cut.IsCancellationRequested);
    }

    private async Task InvokeAsync(Func<Task> next)
    {
        try
        {
            await new InFlightMiddleware(_ => next(), _inFlight).InvokeAsync(_context);
        }
        catch (IOException)
        {
            // The failure of the inner phases.
        }
    }
}
