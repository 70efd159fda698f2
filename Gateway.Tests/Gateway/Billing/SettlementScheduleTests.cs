using Gateway.Billing;
using Xunit;

namespace Gateway.Tests.Gateway.Billing;

public sealed class SettlementScheduleTests
{
    private static readonly DateTimeOffset End = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    [Fact]
    public void Questions_ComeSoonThenEveryFiveMinutesForADay()
    {
        var asked = 0;
        var seconds = new List<double>();
        DateTimeOffset? at = End + SettlementSchedule.First;
        while (at is { } now)
        {
            seconds.Add((now - End).TotalSeconds);
            at = SettlementSchedule.Next(End, ++asked, now);
        }

        Assert.Equal([1, 2, 4, 8, 15, 30, 60, 360, 660], seconds.Take(9));
        Assert.All(seconds.Skip(7).Zip(seconds.Skip(8)), pair => Assert.Equal(300, pair.Second - pair.First));
        Assert.InRange(seconds[^1], TimeSpan.FromDays(1).TotalSeconds, TimeSpan.FromDays(1).TotalSeconds + 300);
    }

    [Fact]
    public void AQuestionThatCameLate_IsNotMadeUpForAtOnce() =>
        Assert.Equal(End.AddSeconds(21), SettlementSchedule.Next(End, asked: 2, now: End.AddSeconds(20)));
}
