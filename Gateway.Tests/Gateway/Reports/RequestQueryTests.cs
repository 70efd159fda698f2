using Gateway.Ledger;
using Gateway.Reports;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.WebUtilities;
using Xunit;

namespace Gateway.Tests.Gateway.Reports;

public sealed class RequestQueryTests
{
    private static readonly DateTimeOffset Now = new(2026, 11, 28, 23, 5, 0, TimeSpan.Zero);

    [Fact]
    public void WithoutParameters_TheLatestHundredAreSelected() => Assert.Equal(new RequestSelection { Limit = 100 }, Read(""));

    [Fact]
    public void EveryParameter_Selects() => Assert.Equal(
        new RequestSelection { Team = "search", Model = "openai/*", Code = "model_not_allowed", Status = 403, Since = Now.AddMinutes(-15), Limit = 10_000 },
        Read("team=search&model=openai/*&CODE=model_not_allowed&status=403&since=15m&limit=10000"));

    [Theory]
    [InlineData("7d", -7 * 24 * 60)]
    [InlineData("2h", -120)]
    [InlineData("2026-11-28T23:00:00Z", -5)]
    [InlineData("2026-11-28", -1385)]
    public void Since_IsATimeOrALength(string since, int minutes) => Assert.Equal(Now.AddMinutes(minutes), Read("since=" + since).Since);

    [Theory]
    [InlineData("team=a b", "team")]
    [InlineData("team=", "team")]
    [InlineData("model=", "model")]
    [InlineData("code=a-b", "code")]
    [InlineData("status=99", "status")]
    [InlineData("status=4xx", "status")]
    [InlineData("since=yesterday", "since")]
    [InlineData("since=0m", "since")]
    [InlineData("since=-5m", "since")]
    [InlineData("limit=0", "limit")]
    [InlineData("limit=10001", "limit")]
    [InlineData("limit=5&limit=6", "limit")]
    [InlineData("key=ci", null)]
    public void InvalidParameter_IsRefused(string query, string? parameter)
    {
        Assert.Null(RequestQuery.Read(Parse(query), Now, out var error));
        Assert.Equal((400, "invalid_parameter", parameter), (error!.Status, error.Code, error.Param));
    }

    private static RequestSelection Read(string query)
    {
        var selection = RequestQuery.Read(Parse(query), Now, out var error);
        Assert.Null(error);
        return selection!;
    }

    private static QueryCollection Parse(string query) => new(QueryHelpers.ParseQuery(query));
}
