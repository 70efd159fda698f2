using Gateway.Limits;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Gateway.Tests.Gateway.Limits;

/// <summary>Promise: a store that fails, or fails every other time, is found out; one that fails now and then is not given up.</summary>
public sealed class OutageDetectorTests
{
    private readonly FakeTimeProvider _time = new();

    [Theory]
    [InlineData("xxxxx", true)]
    [InlineData("xxxx", false)]
    [InlineData("xxxx.xxxx.xx", false)] // Too few to be judged by their share.
    [InlineData("x.xxxx", false)]
    [InlineData("xxxxx.", false)]
    [InlineData("x.x.x.x.x.x.x.x.x.x", false)]
    [InlineData(".x.x.x.x.x.x.x.x.x.x", true)]
    [InlineData(".x.x.x.x.x.x.x.x.x..x", false)]
    [InlineData("....................x...x..x...x", false)]
    public void Calls_AreJudgedByTheirRowAndTheirShare(string calls, bool isOutage)
    {
        var detector = new OutageDetector(_time);

        Assert.Equal(isOutage, calls.Aggregate(false, (_, call) => detector.Count(call == 'x')));
    }

    [Fact]
    public void Share_IsOfOneWindow()
    {
        var detector = new OutageDetector(_time);
        for (var i = 0; i < 100; i++)
        {
            detector.Count(isFailure: false);
        }

        _time.Advance(OutageDetector.Window);

        var isOutage = false;
        for (var i = 0; i < OutageDetector.CallsToJudge; i++)
        {
            isOutage = detector.Count(isFailure: i % 2 == 1);
        }

        Assert.True(isOutage);
    }

    [Fact]
    public void NewWindow_CountsFromNothing()
    {
        var detector = new OutageDetector(_time);
        detector.Count(isFailure: false);
        _time.Advance(OutageDetector.Window);

        // One call short of the number to judge, more than half of them failures.
        for (var i = 0; i < OutageDetector.CallsToJudge - 1; i++)
        {
            Assert.False(detector.Count(isFailure: i % 2 == 0));
        }
    }

    [Fact]
    public void Row_GoesOnThroughWindows()
    {
        var detector = new OutageDetector(_time);
        for (var i = 1; i < OutageDetector.FailuresInARow; i++)
        {
            Assert.False(detector.Count(isFailure: true));
            _time.Advance(OutageDetector.Window);
        }

        Assert.True(detector.Count(isFailure: true));
        detector.Reset();
        Assert.False(detector.Count(isFailure: true));
    }
}
