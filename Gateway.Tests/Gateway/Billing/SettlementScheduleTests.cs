using Gateway.Billing;
using Xunit;

namespace Gateway.Tests.Gateway.Billing;

public sealed class SettlementScheduleTests
{
    private static readonly DateTimeOffset End = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    [Fact]
    public void Questions_ComeSoonThenEveryFiveMinutes_ForADayOfAnswers()
    {
        var asked = 0;
        var seconds = new List<double>();
        var (at, before, answered) = (End + SettlementSchedule.First, End, TimeSpan.Zero);
        while (answered < SettlementSchedule.Last)
        {
            seconds.Add((at - End).TotalSeconds);
            answered = SettlementSchedule.Advance(answered, before, at);
            (before, at) = (at, SettlementSchedule.Next(End, ++asked, at));
        }

        Assert.Equal([1, 2, 4, 8, 15, 30, 60, 360, 660], seconds.Take(9));
        Assert.All(seconds.Skip(7).Zip(seconds.Skip(8)), pair => Assert.Equal(300, pair.Second - pair.First));
        Assert.InRange(seconds[^1], TimeSpan.FromDays(1).TotalSeconds, TimeSpan.FromDays(1).TotalSeconds + 300);
    }

    [Fact]
    public void AQuestionThatCameLate_IsNotMadeUpForAtOnce() =>
        Assert.Equal(End.AddSeconds(21), SettlementSchedule.Next(End, asked: 2, now: End.AddSeconds(20)));

    [Theory]
    [InlineData(1, 1)]
    [InlineData(300, 300)]
    [InlineData(301, 300)]
    [InlineData(3 * 24 * 3600, 300)]
    [InlineData(-5, 0)]
    public void Answer_AddsTheTimeSinceTheQuestionBefore_FiveMinutesAtMost(int passed, int added) => Assert.Equal(
        TimeSpan.FromSeconds(100 + added),
        SettlementSchedule.Advance(TimeSpan.FromSeconds(100), End, End.AddSeconds(passed)));
}
