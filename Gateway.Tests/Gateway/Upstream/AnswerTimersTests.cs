using Gateway.Upstream;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Gateway.Tests.Gateway.Upstream;

/// <summary>Promise: each limit ends exactly the response that exceeds it.</summary>
public sealed class AnswerTimersTests
{
    private static readonly TimeSpan Tick = TimeSpan.FromTicks(1);

    private readonly FakeTimeProvider _time = new();

    [Fact]
    public void FirstData_HasItsOwnLimit()
    {
        using var timers = New(first: 5, between: 60);

        _time.Advance(Seconds(5) - Tick);
        Assert.False(timers.Token.IsCancellationRequested);
        _time.Advance(Tick);
        Assert.True(timers.Token.IsCancellationRequested);
    }

    [Theory]
    [InlineData(5, 60)]
    [InlineData(60, 5)]
    public void DataAfterData_HasTheOther(int first, int between)
    {
        using var timers = New(first, between);
        for (var i = 0; i < 4; i++)
        {
            _time.Advance(Seconds(Math.Min(first, between)) - Tick);
            timers.NoteData();
            timers.BeginRead();
        }

        _time.Advance(Seconds(between) - Tick);
        Assert.False(timers.Token.IsCancellationRequested);
        _time.Advance(Tick);
        Assert.True(timers.Token.IsCancellationRequested);
    }

    [Fact]
    public void ReadsWithoutData_ExtendNothing()
    {
        using var timers = New(first: 5, between: 5);
        timers.NoteData();
        for (var i = 0; i < 5; i++)
        {
            timers.BeginRead();
            Assert.False(timers.Token.IsCancellationRequested);
            _time.Advance(Seconds(1));
        }

        Assert.True(timers.Token.IsCancellationRequested);
    }

    [Fact]
    public void ClientThatReadsSlowly_IsNotUpstreamsSilence()
    {
        using var timers = New(first: 5, between: 5);
        timers.NoteData();
        _time.Advance(Seconds(100));
        Assert.False(timers.Token.IsCancellationRequested);

        timers.BeginRead();
        _time.Advance(Seconds(5) - Tick);
        Assert.False(timers.Token.IsCancellationRequested);
        _time.Advance(Seconds(5));
        Assert.True(timers.Token.IsCancellationRequested);
    }

    [Fact]
    public void WholeResponse_HasALimit()
    {
        using var timers = New(first: 5, between: 5, total: 10);
        for (var i = 0; i < 9; i++)
        {
            _time.Advance(Seconds(1));
            timers.NoteData();
            timers.BeginRead();
        }

        Assert.False(timers.Token.IsCancellationRequested);
        _time.Advance(Seconds(1));
        Assert.True(timers.Token.IsCancellationRequested);
    }

    [Theory]
    [InlineData(null, 3, 3)]
    [InlineData(5, 3, 5)]
    [InlineData(5, null, 10)]
    public void LimitOfTheFirstData_BeginsWithTheSendingIfItCan(int? sending, int? response, int expected)
    {
        using var timers = new AnswerTimers(sending is { } s ? Seconds(s) : null, Seconds(60), Seconds(10), _time);
        timers.Begin(response is { } r ? Seconds(r) : null);

        _time.Advance(Seconds(expected) - Tick);
        Assert.False(timers.Token.IsCancellationRequested);
        _time.Advance(Tick);
        Assert.True(timers.Token.IsCancellationRequested);
    }

    [Fact]
    public void OtherToken_CancelsToo()
    {
        using var earlier = new CancellationTokenSource();
        using var later = new CancellationTokenSource();
        using var timers = New(first: 5, between: 5);
        timers.Link(earlier.Token);
        timers.Link(later.Token);

        earlier.Cancel();
        Assert.False(timers.Token.IsCancellationRequested);
        later.Cancel();
        Assert.True(timers.Token.IsCancellationRequested);
    }

    [Fact]
    public void Disposed_NeverFires()
    {
        var timers = New(first: 5, between: 5);
        timers.Dispose();
        _time.Advance(Seconds(100));

        Assert.False(timers.Token.IsCancellationRequested);
    }

    [Fact]
    public void DataAfterTheEnd_IsIgnored()
    {
        using var timers = New(first: 5, between: 5, total: 10);
        _time.Advance(Seconds(20));

        timers.NoteData();
        timers.BeginRead();
        timers.Begin(Seconds(5));

        Assert.True(timers.Token.IsCancellationRequested);
    }

    private static TimeSpan Seconds(int seconds) => TimeSpan.FromSeconds(seconds);

    private AnswerTimers New(int first, int between, int? total = null) =>
        new(Seconds(first), Seconds(between), total is { } limit ? Seconds(limit) : null, _time);
}
