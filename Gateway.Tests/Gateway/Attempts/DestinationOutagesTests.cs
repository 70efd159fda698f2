using Gateway.Attempts;
using Microsoft.Extensions.Time.Testing;
using Xunit;
using Yarp.ReverseProxy.Model;

namespace Gateway.Tests.Gateway.Attempts;

/// <summary>Promise: a destination is left alone after failures in a row that are many, long and of several callers, and not before.</summary>
public sealed class DestinationOutagesTests
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(10);

    private readonly FakeTimeProvider _time = new();
    private readonly DestinationOutages _outages;
    private readonly DestinationState _destination = new("a");

    public DestinationOutagesTests() => _outages = new DestinationOutages(_time);

    [Theory]
    [InlineData(5, 500, 1, 1, true)]
    [InlineData(4, 1000, 1, 1, false)]
    [InlineData(5, 499, 1, 1, false)]
    [InlineData(50, 10, 1, 1, false)]
    [InlineData(5, 500, 3, 2, true)]
    [InlineData(5, 500, 3, 1, false)]
    [InlineData(50, 500, 3, 1, false)]
    public void Destination_IsLeftAloneAfterFiveFailuresOverTwoSecondsOfTwoCallers(
        int failures, int apart, int configured, int calling, bool expected)
    {
        var isLeftAlone = false;
        for (var i = 0; i < failures; i++)
        {
            isLeftAlone |= Fail($"team-{i % calling}", configured);
            _time.Advance(TimeSpan.FromMilliseconds(apart));
        }

        Assert.Equal(expected, isLeftAlone);
    }

    [Fact]
    public void Pause_BeginsOnceAndAgainWithTheFirstFailureAfterIt()
    {
        FailUntilPause();
        Assert.False(Fail());
        _time.Advance(Pause - TimeSpan.FromTicks(1));
        Assert.False(Fail());
        _time.Advance(TimeSpan.FromTicks(1));

        Assert.True(Fail());
        Assert.False(Fail());
    }

    [Fact]
    public void Response_EndsTheRow()
    {
        FailUntilPause();
        var before = _time.GetTimestamp();
        _time.Advance(Pause);
        Fail();

        // It was sent before the last failure: the end of a long stream says nothing about now.
        Assert.False(_outages.Reach(_destination, before));
        Assert.True(_outages.Reach(_destination, _time.GetTimestamp()));
        Assert.False(_outages.Reach(_destination, _time.GetTimestamp()));
        for (var i = 0; i < 4; i++)
        {
            Assert.False(Fail());
            _time.Advance(TimeSpan.FromSeconds(1));
        }

        Assert.True(Fail());
    }

    [Fact]
    public void ResponseWithinTheRow_IsTheEndOfNoPause()
    {
        Assert.False(_outages.Reach(_destination, _time.GetTimestamp()));
        Fail();

        Assert.False(_outages.Reach(_destination, _time.GetTimestamp()));
    }

    [Fact]
    public void RetryAfter_IsTheShortestPause()
    {
        var other = new DestinationState("b");
        Assert.Equal(TimeSpan.FromSeconds(1), _outages.RetryAfter([_destination, other]));
        FailUntilPause();
        Assert.Equal(Pause, _outages.RetryAfter([_destination]));
        _time.Advance(TimeSpan.FromSeconds(3));
        FailUntilPause(other);

        Assert.Equal(TimeSpan.FromSeconds(5), _outages.RetryAfter([other, _destination]));
        _time.Advance(TimeSpan.FromSeconds(20));
        Assert.Equal(TimeSpan.FromSeconds(1), _outages.RetryAfter([other, _destination]));
    }

    private bool Fail(string? caller = null, int callers = 0, DestinationState? destination = null) =>
        _outages.Fail(destination ?? _destination, caller, callers, Pause);

    private void FailUntilPause(DestinationState? destination = null)
    {
        for (var i = 0; i < 4; i++)
        {
            Assert.False(Fail(destination: destination));
            _time.Advance(TimeSpan.FromMilliseconds(500));
        }

        Assert.True(Fail(destination: destination));
    }
}
