using System.Text;
using Gateway.Admin;
using Gateway.Ledger;
using Gateway.Primitives;
using Gateway.Requests;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Gateway.Tests.Gateway.Admin;

public sealed class UsageEndpointTests
{
    private static readonly UsageRow Row = new(["search"], 3, 10, 20, new PicoDollars(1_500_000_000_000), 1);

    private static readonly DateTimeOffset Now = new(2026, 11, 28, 12, 30, 0, TimeSpan.Zero);

    [Theory]
    [InlineData(null, false)]
    [InlineData("*/*", false)]
    [InlineData("text/*", false)]
    [InlineData("application/json", false)]
    [InlineData("text/csv", true)]
    [InlineData("TEXT/CSV", true)]
    [InlineData("text/csv; charset=utf-8", true)]
    [InlineData("application/json, text/csv", true)]
    [InlineData("text/csv;q=0.5, application/json", false)]
    [InlineData("text/csv;q=0.5, application/json;q=0.4", true)]
    [InlineData("text/csv;q=0", false)]
    [InlineData("text/csv;q=0.1, */*", true)]
    [InlineData("garbage;;;", false)]
    public async Task Csv_IsForThoseWhoAskForIt(string? accept, bool isCsv)
    {
        var (context, body) = await AskAsync(new FakeLedgerStore(Row), "", accept);

        Assert.Equal(200, context.Response.StatusCode);
        Assert.Equal(isCsv ? "text/csv; charset=utf-8" : "application/json", context.Response.ContentType);
        Assert.StartsWith(isCsv ? "team,requests" : "{\"rows\":[{\"team\":\"search\",\"requests\":3,", body, StringComparison.Ordinal);
        Assert.Equal("Accept", context.Response.Headers.Vary);
    }

    [Fact]
    public async Task Query_ReachesTheLedger()
    {
        var store = new FakeLedgerStore();

        await AskAsync(store, "?group=Model,day&from=2026-11-01&to=2026-12-01&team=a&team=b&key=ci&model=openai/*&unresolved=true", null);

        var asked = Assert.Single(store.Asked);
        Assert.Equal([UsageGroup.Model, UsageGroup.Day], asked.Groups);
        Assert.Equal(
            (new DateTimeOffset(2026, 11, 1, 0, 0, 0, TimeSpan.Zero), new DateTimeOffset(2026, 12, 1, 0, 0, 0, TimeSpan.Zero), true),
            (asked.From, asked.To, asked.IsUnresolvedOnly));
        Assert.Equal("a b,ci,openai/*", $"{string.Join(' ', asked.Teams)},{string.Join(' ', asked.Keys)},{string.Join(' ', asked.Models)}");
    }

    [Fact]
    public async Task LastDays_EndNow()
    {
        var store = new FakeLedgerStore();

        await AskAsync(store, "?last=7d", null);

        var asked = Assert.Single(store.Asked);
        Assert.Equal((Now.AddDays(-7), null), (asked.From, asked.To));
    }

    [Fact]
    public async Task BadQuery_DoesNotReachTheLedger()
    {
        var store = new FakeLedgerStore();

        var (context, body) = await AskAsync(store, "?group=x", null);

        Assert.Equal(400, context.Response.StatusCode);
        Assert.Contains("\"param\":\"group\"", body, StringComparison.Ordinal);
        Assert.Empty(store.Asked);
    }

    [Fact]
    public async Task LedgerThatFails_IsA503ThatDoesNotSayWhy()
    {
        var (context, body) = await AskAsync(new FakeLedgerStore { Fault = "disk is full" }, "", null);

        Assert.Equal(503, context.Response.StatusCode);
        Assert.Contains("\"code\":\"ledger_unavailable\"", body, StringComparison.Ordinal);
        Assert.DoesNotContain("disk", body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task WithoutALedger_ThereAreNoRows()
    {
        var (context, body) = await AskAsync(null, "", null);

        Assert.Equal(200, context.Response.StatusCode);
        Assert.Equal("""{"rows":[]}""", body);
    }

    private static async Task<(HttpContext Context, string Body)> AskAsync(ILedgerStore? store, string query, string? accept)
    {
        var context = new DefaultHttpContext();
        context.Features.Set(new GatewayContext { StartedAt = 0 });
        context.Request.Method = HttpMethods.Get;
        context.Request.QueryString = new QueryString(query);
        context.Request.Headers.Accept = accept;
        using var body = new MemoryStream();
        context.Response.Body = body;

        await new UsageEndpoint(() => ValueTask.FromResult(store), new FakeTimeProvider(Now), NullLogger<UsageEndpoint>.Instance).AnswerAsync(context);

        return (context, Encoding.UTF8.GetString(body.ToArray()));
    }
}
