using System.Globalization;
using Gateway.Ledger;
using Gateway.Reports;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.WebUtilities;
using Xunit;

namespace Gateway.Tests.Gateway.Reports;

public sealed class UsageQueryTests
{
    [Fact]
    public void NoParameters_MeanAllTeamsForEver()
    {
        Assert.Equal(new UsageQuery(UsageGroup.Team, null, null), Read("", out _));
    }

    [Theory]
    [InlineData("team", nameof(UsageGroup.Team))]
    [InlineData("key", nameof(UsageGroup.Key))]
    [InlineData("MODEL", nameof(UsageGroup.Model))]
    [InlineData("Provider", nameof(UsageGroup.Provider))]
    [InlineData("rule", nameof(UsageGroup.Rule))]
    public void Group_IsTakenInAnyCase(string text, string expected)
    {
        var group = Enum.Parse<UsageGroup>(expected);

        Assert.Equal(group, Read("?group=" + text, out _)?.Group);
        Assert.Equal(expected.ToLowerInvariant(), UsageReport.NameOf(group));
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
    [InlineData("?team=search", null)]
    public void BadParameter_IsNamed(string query, string? parameter)
    {
        Assert.Null(Read(query, out var error));

        Assert.Equal(400, error?.Status);
        Assert.Equal(parameter, error?.Param);
        Assert.Contains(parameter ?? "expected group, from and to", error?.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void UnknownParameter_IsNotRepeated()
    {
        Read("?sk-or-v1-secret=1", out var error);

        Assert.DoesNotContain("secret", error?.Message, StringComparison.Ordinal);
    }

    private static UsageQuery? Read(string query, out global::Gateway.Errors.GatewayError? error) =>
        UsageQuery.Read(new QueryCollection(QueryHelpers.ParseQuery(query)), out error);
}
