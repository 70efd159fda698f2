using Microsoft.Extensions.Time.Testing;
using OpenRouterGateway.Transforms.RequestBody;
using Xunit;

namespace Gateway.Tests.Transforms.RequestBody;

/// <summary>Promise: while others wait, an upload keeps its memory only as long as 32 KB a second arrive.</summary>
public sealed class SlowUploadMonitorTests : IAsyncDisposable
{
    private const int Least = SlowUploadMonitor.LeastPerWindow;
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);

    private readonly FakeTimeProvider _time = new();
    private readonly RequestBodyMemory _memory;
    private readonly BodyBuffer _body;
    private readonly CancellationTokenSource _aborted = new();

    public SlowUploadMonitorTests()
    {
        _memory = new RequestBodyMemory(() => 1024 * 1024, () => 256, _time);
        _body = new BodyBuffer(_memory);
    }

    public ValueTask DisposeAsync()
    {
        _body.Release();
        _memory.Dispose();
        _aborted.Dispose();
        return ValueTask.CompletedTask;
    }

    [Theory]
    [InlineData(800_000)]
    [InlineData(100_000_000)]
    public async Task Upload_LosesItsPlaceBelowTheRateOfAWindow_WhateverItAnnounced(int announced)
    {
        await using var monitor = await StartAsync(announced);
        var waiting = WaitAsync();
        for (var second = 1; second < 10; second++)
        {
            Bring(second == 5 ? Least : 0);
            _time.Advance(Second);
            Assert.False(monitor.IsTooSlow || monitor.Stopping.IsCancellationRequested, $"after {second} s");
        }

        Bring(Least - 1);
        _time.Advance(Second);
        Assert.True(monitor.IsTooSlow && monitor.Stopping.IsCancellationRequested);
        _body.Release();
        Assert.NotNull(await waiting);
    }

    [Fact]
    public async Task Upload_KeepsItsPlaceAtTheRate()
    {
        await using var monitor = await StartAsync(100_000_000);
        var waiting = WaitAsync();
        for (var second = 1; second < 20; second++)
        {
            Bring(Least / 5);
            _time.Advance(Second);
            Assert.False(monitor.IsTooSlow, $"after {second} s");
        }

        _body.Release();
        Assert.NotNull(await waiting);
    }

    [Fact]
    public async Task EncodedUpload_IsMeasuredByTheBytesThatArrive()
    {
        Assert.True(await _body.TryReserveAsync("one", 100_000_000, TestContext.Current.CancellationToken));
        await using var encoded = new EncodedBodyStream(new MemoryStream(new byte[20 * Least]));
        await using var monitor = new SlowUploadMonitor(_memory, encoded, _aborted.Token);
        var waiting = WaitAsync();

        // Much arrives that decodes to nothing yet.
        for (var second = 1; second < 20; second++)
        {
            await encoded.ReadExactlyAsync(new byte[Least / 5], TestContext.Current.CancellationToken);
            _time.Advance(Second);
            Assert.False(monitor.IsTooSlow, $"after {second} s");
        }

        // Nothing arrives, and the bytes that have arrived decode to much.
        Bring(10 * Least);
        _time.Advance(Second);
        Assert.True(monitor.IsTooSlow);
        _body.Release();
        Assert.NotNull(await waiting);
    }

    [Fact]
    public async Task Upload_MayStallWhileNobodyWaits()
    {
        await using var monitor = await StartAsync(800_000);
        _time.Advance(100 * SlowUploadMonitor.Window);
        Assert.False(monitor.IsTooSlow);

        // It has stalled for longer than a window already.
        var waiting = WaitAsync();
        _time.Advance(Second);
        Assert.True(monitor.IsTooSlow);
        _body.Release();
        Assert.NotNull(await waiting);
    }

    [Fact]
    public async Task ClientThatLeaves_IsNotTooSlow()
    {
        await using var monitor = await StartAsync(800_000);

        await _aborted.CancelAsync();

        Assert.True(monitor.Stopping.IsCancellationRequested);
        Assert.False(monitor.IsTooSlow);
    }

    private async Task<SlowUploadMonitor> StartAsync(int announced)
    {
        Assert.True(await _body.TryReserveAsync("one", announced, TestContext.Current.CancellationToken));
        return new SlowUploadMonitor(_memory, _body, _aborted.Token);
    }

    private ValueTask<BodyReservation?> WaitAsync() => _memory.ReserveAsync("other", 800_000, CancellationToken.None);

    private void Bring(int bytes)
    {
        while (bytes > 0)
        {
            var count = Math.Min(bytes, _body.GetMemory(null).Length);
            _body.Advance(count);
            bytes -= count;
        }
    }
}
