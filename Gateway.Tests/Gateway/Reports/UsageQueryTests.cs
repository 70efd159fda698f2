using System.Globalization;
using Gateway.Ledger;
using Gateway.Reports;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.WebUtilities;
using Xunit;

namespace Gateway.Tests.Gateway.Reports;

public sealed class UsageQueryTests
{
    private static readonly DateTimeOffset Now = new(2026, 11, 28, 12, 30, 0, TimeSpan.Zero);

    [Fact]
    public void NoParameters_MeanAllTeamsForEver()
    {
        var query = Read("", out _)!;

        Assert.Equal([UsageGroup.Team], query.Groups);
        Assert.Empty(query.Teams.Concat(query.Keys).Concat(query.Models));
        Assert.Equal((null, null, false), (query.From, query.To, query.IsUnresolvedOnly));
    }

    [Theory]
    [InlineData("team", nameof(UsageGroup.Team))]
    [InlineData("key", nameof(UsageGroup.Key))]
    [InlineData("MODEL", nameof(UsageGroup.Model))]
    [InlineData("Provider", nameof(UsageGroup.Provider))]
    [InlineData("rule", nameof(UsageGroup.Rule))]
    [InlineData("day", nameof(UsageGroup.Day))]
    [InlineData(" month ", nameof(UsageGroup.Month))]
    public void Group_IsTakenInAnyCase(string text, string expected)
    {
        var group = Enum.Parse<UsageGroup>(expected);

        Assert.Equal([group], Read("?group=" + text, out _)?.Groups);
        Assert.Equal(expected.ToLowerInvariant(), UsageReport.NameOf(group));
    }

    [Fact]
    public void Groups_KeepTheirOrder() =>
        Assert.Equal([UsageGroup.Model, UsageGroup.Team, UsageGroup.Day], Read("?group=model,team,day", out _)?.Groups);

    [Theory]
    [InlineData("24h", 24)]
    [InlineData("7d", 7 * 24)]
    [InlineData("7D", 7 * 24)]
    [InlineData("4w", 4 * 7 * 24)]
    [InlineData("9999w", 9999 * 7 * 24)]
    public void LastPeriod_EndsNow(string text, int hours)
    {
        var query = Read("?last=" + text, out _);

        Assert.Equal((Now.AddHours(-hours), null), (query?.From, query?.To));
    }

    [Theory]
    [InlineData("2026-11-01", "2026-11-01T00:00:00.0000000Z")]
    [InlineData("2026-11-01T00:00:00Z", "2026-11-01T00:00:00.0000000Z")]
    [InlineData("2026-11-01T12:30Z", "2026-11-01T12:30:00.0000000Z")]
    [InlineData("2026-11-01T12:30:01.25Z", "2026-11-01T12:30:01.2500000Z")]
    [InlineData("2026-11-01T00:30:00%2B01:00", "2026-10-31T23:30:00.0000000Z")]
    [InlineData("2026-10-31T22:30-01:00", "2026-10-31T23:30:00.0000000Z")]
    public void Time_IsADateOrAnInstant(string text, string expected)
    {
        var query = Read($"?from={text}&to={text}", out _);

        Assert.Equal(expected, query?.From?.UtcDateTime.ToString("O", CultureInfo.InvariantCulture));
        Assert.Equal(query?.From, query?.To);
        Assert.Equal(TimeSpan.Zero, query?.From?.Offset);
    }

    [Theory]
    [InlineData("?group=teams", "group")]
    [InlineData("?group=0", "group")]
    [InlineData("?group=", "group")]
    [InlineData("?group=team&group=team", "group")]
    [InlineData("?group=team&GROUP=key", "group")]
    [InlineData("?from=yesterday", "from")]
    [InlineData("?from=2026-13-01", "from")]
    [InlineData("?from=2026-11-01T00:00:00", "from")]
    [InlineData("?from=1793491200", "from")]
    [InlineData("?FROM=x", "from")]
    [InlineData("?to=", "to")]
    [InlineData("?to=0001-01-01T00:00:00%2B14:00", "to")]
    [InlineData("?from=2026-11-02&to=2026-11-01", "to")]
    [InlineData("?group=team,team", "group")]
    [InlineData("?group=team,", "group")]
    [InlineData("?last=7", "last")]
    [InlineData("?last=d", "last")]
    [InlineData("?last=0d", "last")]
    [InlineData("?last=-7d", "last")]
    [InlineData("?last=7m", "last")]
    [InlineData("?last=10000d", "last")]
    [InlineData("?last=7d&last=7d", "last")]
    [InlineData("?last=7d&from=2026-11-01", "last")]
    [InlineData("?to=2026-11-01&last=7d", "last")]
    [InlineData("?unresolved=false", "unresolved")]
    [InlineData("?unresolved=", "unresolved")]
    [InlineData("?team=", "team")]
    [InlineData("?team=a&team=b c", "team")]
    [InlineData("?key=", "key")]
    [InlineData("?key=ogw-0123456789", "key")]
    [InlineData("?model=", "model")]
    [InlineData("?users=search", null)]
    public void BadParameter_IsNamed(string query, string? parameter)
    {
        Assert.Null(Read(query, out var error));

        Assert.Equal(400, error?.Status);
        Assert.Equal(parameter, error?.Param);
        Assert.Contains(parameter ?? "expected group, team, key, model, from, to, last and unresolved", error?.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void UnknownParameter_IsNotRepeated()
    {
        Read("?sk-or-v1-secret=1", out var error);

        Assert.DoesNotContain("secret", error?.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void BadValue_IsNotRepeated()
    {
        Read("?key=ogw-0123456789", out var error);

        Assert.DoesNotContain("0123456789", error?.Message, StringComparison.Ordinal);
    }

    private static UsageSelection? Read(string query, out global::Gateway.Errors.GatewayError? error) =>
        UsageQuery.Read(new QueryCollection(QueryHelpers.ParseQuery(query)), Now, out error);
}
