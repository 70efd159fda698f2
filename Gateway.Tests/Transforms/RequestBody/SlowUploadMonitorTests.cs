using Microsoft.Extensions.Time.Testing;
using OpenRouterGateway.Transforms.RequestBody;
using Xunit;

namespace Gateway.Tests.Transforms.RequestBody;

public sealed class SlowUploadMonitorTests : IAsyncDisposable
{
    private readonly FakeTimeProvider _time = new();
    private readonly RequestBodyMemory _memory;
    private readonly BodyBuffer _body;
    private readonly CancellationTokenSource _aborted = new();

    public SlowUploadMonitorTests()
    {
        _memory = new RequestBodyMemory(() => 1024 * 1024, _time);
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
    [InlineData(0, true)]
    [InlineData(-1, true)]
    [InlineData(1, false)]
    public async Task Upload_LosesItsPlaceBelowATwentiethInHalfAMinute(int more, bool isLost)
    {
        await _body.ReserveAsync(800_000, TestContext.Current.CancellationToken);
        await using var pace = new SlowUploadMonitor(_memory, _body, _aborted.Token);
        var waiting = _memory.ReserveAsync(800_000, CancellationToken.None);

        for (var window = 0; window < 3; window++)
        {
            var least = (int)(_body.Reserved / 20);
            Bring(window < 2 ? least : least - 1 + more);
            _time.Advance(SlowUploadMonitor.Window);
            Assert.Equal(window == 2 && isLost, pace.IsTooSlow);
            Assert.Equal(pace.IsTooSlow, pace.Stopping.IsCancellationRequested);
        }

        _body.Release();
        await waiting;
    }

    [Fact]
    public async Task Upload_MayStallWhileNobodyWaits()
    {
        await _body.ReserveAsync(800_000, TestContext.Current.CancellationToken);
        await using var pace = new SlowUploadMonitor(_memory, _body, _aborted.Token);

        _time.Advance(100 * SlowUploadMonitor.Window);
        Assert.False(pace.IsTooSlow);

        var waiting = _memory.ReserveAsync(800_000, CancellationToken.None);
        _time.Advance(SlowUploadMonitor.Window);
        Assert.True(pace.IsTooSlow);
        _body.Release();
        await waiting;
    }

    [Fact]
    public async Task ClientThatLeaves_IsNotTooSlow()
    {
        await _body.ReserveAsync(800_000, TestContext.Current.CancellationToken);
        await using var pace = new SlowUploadMonitor(_memory, _body, _aborted.Token);

        await _aborted.CancelAsync();

        Assert.True(pace.Stopping.IsCancellationRequested);
        Assert.False(pace.IsTooSlow);
    }

    private void Bring(int bytes)
    {
        while (bytes > 0)
        {
            var count = Math.Min(bytes, _body.GetMemory(800_000 - _body.Length).Length);
            _body.Advance(count);
            bytes -= count;
        }
    }
}
