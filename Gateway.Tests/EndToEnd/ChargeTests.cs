using System.Text;
using System.Text.Json.Nodes;
using Gateway.Billing;
using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.EndToEnd;

/// <summary>Promise: an outage of upstream costs a team nothing that upstream has not billed, and an unknown cost is never zero.</summary>
public sealed class ChargeTests : IClassFixture<ChargeTests.Fixture>
{
    private const string NoId = "x-fake-no-generation-id: 1";
    private const string Page = "x-fake-body: <html>a front's page</html>";
    private const string Html = "x-fake-content-type: text/html";
    private const string Error = "{\"error\":{\"code\":502,\"message\":\"x\"}}";
    private const string AsEvent = "x-fake-content-type: text/event-stream";

    // Events need line ends, which a header cannot have.
    private const string ErrorEvent = "ZGF0YTogeyJlcnJvciI6eyJjb2RlIjo1MDJ9fQoK"; // data: {"error":{"code":502}}

    // OpenRouter's error within a stream, which has choices, as the only event.
    private const string ErrorChunk =
        "ZGF0YTogeyJpZCI6ImMxIiwiZXJyb3IiOnsiY29kZSI6NTAyfSwiY2hvaWNlcyI6W3siZGVsdGEiOnsiY29udGVudCI6IiJ9LCJmaW5pc2hfcmVhc29uIjoiZXJyb3IifV19CgpkYXRhOiBbRE9ORV0KCg==";

    private const string PingAndError =
        "ZXZlbnQ6IHBpbmcKZGF0YTogeyJ0eXBlIjoicGluZyJ9CgpldmVudDogZXJyb3IKZGF0YTogeyJ0eXBlIjoiZXJyb3IiLCJlcnJvciI6e319Cgo=";

    private const string TextAndError =
        "ZGF0YTogeyJjaG9pY2VzIjpbeyJkZWx0YSI6e319XX0KCmRhdGE6IHsiZXJyb3IiOnsiY29kZSI6NTAyfX0KCg==";

    private readonly TeamGateway _team;

    public ChargeTests(Fixture fixture) => _team = fixture.Team;

    [Theory]
    [InlineData("x-fake-status: 521", Page, Html)]
    [InlineData("x-fake-status: 522", Page, Html)]
    [InlineData("x-fake-status: 530", Page, Html)]
    [InlineData("x-fake-status: 301", "x-fake-header: Location: /elsewhere", "x-fake-body: ")]
    [InlineData("x-fake-status: 204", "x-fake-body: ")]
    [InlineData("x-fake-status: 304", "x-fake-body: ")]
    [InlineData("x-fake-status: 404", Page, Html)]
    [InlineData("x-fake-body: " + Error)]
    [InlineData("x-fake-status: 500", "x-fake-body: " + Error)]
    [InlineData("x-fake-status: 503", "x-fake-body: " + Error, "x-fake-gzip: 1")]
    [InlineData("x-fake-body-base64: " + ErrorEvent, AsEvent)]
    [InlineData("x-fake-body-base64: " + ErrorEvent, AsEvent, "x-fake-split: 5")]
    [InlineData("x-fake-status: 503", "x-fake-body-base64: " + ErrorEvent, AsEvent, NoId)]
    [InlineData("x-fake-status: 500", "x-fake-body-base64: " + ErrorEvent, AsEvent, "x-fake-gzip: 1", NoId)]
    [InlineData("x-fake-body-base64: " + ErrorChunk, AsEvent, NoId)]
    [InlineData("x-fake-body-base64: " + PingAndError, AsEvent)]
    [InlineData("x-fake-body-base64: " + PingAndError, AsEvent, "x-fake-split: 9")]
    public async Task NothingGenerated_CostsNothingAtOnce(params string[] lines)
    {
        var row = await NewClosedRowAsync(lines);

        Assert.Equal((GenerationState.Settled, 0L), (row.State, row.CostPico));
    }

    [Theory]
    [InlineData("x-fake-status: 500", Page, Html)]
    [InlineData("x-fake-status: 502", Page, Html)]
    [InlineData("x-fake-status: 504", Page, Html)]
    [InlineData("x-fake-status: 520", Page, Html)]
    [InlineData("x-fake-status: 524", Page, Html)]
    [InlineData("x-fake-status: 408", Page, Html)]
    [InlineData("x-fake-body: ")]
    [InlineData(Page, Html)]
    [InlineData("x-fake-body-base64: " + TextAndError, AsEvent)]
    [InlineData("x-fake-close: 1", NoId)]
    public async Task NothingProven_IsUnknownAtItsReservation(params string[] lines)
    {
        var row = await NewClosedRowAsync(lines);

        Assert.Equal((GenerationState.Unresolvable, null), (row.State, row.CostPico));
        Assert.True(row.Charge > 0);
    }

    /// <summary>The tokens that were generated before the error are billed, with any status.</summary>
    [Theory]
    [InlineData("x-fake-split: 0")]
    [InlineData("x-fake-split: 5")]
    [InlineData("x-fake-split: 0", "x-fake-status: 503")]
    public async Task CostBehindAnError_IsTheBill(params string[] lines)
    {
        const string Stream =
            """
            data: {"error":{"code":400,"message":"x"}}

            data: {"id":"c1","choices":[],"usage":{"prompt_tokens":1,"completion_tokens":1,"cost":0.01}}

            data: [DONE]


            """;

        // The gateway waits a second for the rest of a response that begins with an error.
        var time = FakeTime.StartNow();
        await using var team = await TeamGateway.StartAsync(new TeamGatewayOptions { Time = time });
        await team.ChatAsync("", [$"x-fake-body-base64: {Convert.ToBase64String(Encoding.UTF8.GetBytes(Stream))}", AsEvent, NoId, .. lines]);

        LedgerRow? row = null;
        await time.AdvanceUntilAsync(
            TimeSpan.FromMilliseconds(10), async () => (row = (await team.RowsAsync()).SingleOrDefault()) is { IsClosed: true }, "a closed row");
        Assert.Equal((GenerationState.Settled, 10_000_000_000L), (row!.State, row.CostPico));
    }

    [Theory]
    [InlineData("0.000000000001")]
    [InlineData("0")]
    public async Task CostBeforeTheEnd_IsNotTheBill(string cost)
    {
        await using var call = await _team.OpenStreamAsync("", $"x-fake-interim-cost: {cost}", "x-fake-events: 100", "x-fake-stall-after: 20");
        await _team.Upstream.Requests.WaitForAsync(request => request.Id == call.Id && request.EventsWritten == 20);
        call.Client.Reset();

        var bill = _team.Bill(call.Id);
        var row = await _team.ClosedRowAsync(bill);
        Assert.Equal((GenerationState.Settled, (long)bill.Cost), (row.State, row.CostPico));
        Assert.True(bill.Cost > 1);
        Assert.True(row.Questions > 0);
    }

    [Theory]
    [InlineData("/v1/chat/completions", "\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]")]
    [InlineData("/v1/completions", "\"prompt\":\"x\"")]
    [InlineData("/v1/responses", "\"input\":\"x\"")]
    [InlineData("/v1/messages", "\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]")]
    public async Task CostBeforeAnEndWithoutACost_IsNotTheBill(string path, string input)
    {
        var body = $$"""{"model":"{{TeamGateway.Model}}","stream":true,{{input}}}""";
        var call = await _team.PostAsync(path, body, "x-fake-interim-cost: 0.004", "x-fake-events: 1", "x-fake-no-usage: 1");

        var bill = _team.Bill(call);
        var row = await _team.ClosedRowAsync(bill);
        Assert.Equal((GenerationState.Settled, (long)bill.Cost), (row.State, row.CostPico));
        Assert.NotEqual(4_000_000_000L, row.CostPico);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task StreamThatUpstreamHasNotProcessed_CostsNothing(bool isRefused)
    {
        var requests = 0;
        await using var upstream = ScriptedSocketUpstream.Start(async connection =>
        {
            var script = new Http2Script(connection);
            await script.BeginAsync();
            while (true)
            {
                var stream = await script.ReadRequestAsync();
                if (!script.HasBody)
                {
                    // A GOAWAY after a question of the gateway's own would exclude a call on the connection whose body was not read yet.
                    await script.AnswerAsync(stream, """{"data":[]}""");
                    continue;
                }

                Interlocked.Increment(ref requests);
                await (isRefused ? script.RefuseAsync(stream) : script.GoAwayAsync());
            }
        });
        await using var team = await StartOnHttp2Async(upstream.BaseUrl);

        var call = await team.ChatAsync("\"model\":\"test/dollar\"");

        call.IsRefused(502);
        Assert.Equal("upstream_unreachable", call.Json.GetProperty("error").GetProperty("code").GetString());
        var row = await team.RowAsync(row => row.IsClosed);
        Assert.Equal((GenerationState.Settled, 0L), (row.State, row.CostPico));
        Assert.Equal("UpstreamUnreachable", row.Ended);
        Assert.True(requests > 0);
    }

    [Fact]
    public async Task AnswerOverHttp2_IsBilled()
    {
        await using var upstream = ScriptedSocketUpstream.Start(async connection =>
        {
            var script = new Http2Script(connection);
            await script.BeginAsync();
            while (true)
            {
                await script.AnswerAsync(await script.ReadRequestAsync(), """{"id":"gen-h2","choices":[],"usage":{"cost":0.25}}""");
            }
        });
        await using var team = await StartOnHttp2Async(upstream.BaseUrl);

        Assert.Equal(200, (await team.ChatAsync("\"model\":\"test/dollar\"")).Status);

        var row = await team.RowAsync(row => row.IsClosed);
        Assert.Equal((GenerationState.Settled, 250_000_000_000L, "gen-h2"), (row.State, row.CostPico, row.GenerationId));
    }

    private static Task<TeamGateway> StartOnHttp2Async(string url)
    {
        var proxy = ShippedSettings.Parse()["ReverseProxy"]!;
        proxy["Clusters"]!["openrouter"]!["HttpRequest"] =
            JsonNode.Parse("""{ "Version": "2", "VersionPolicy": "RequestVersionExact" }""");
        return TeamGateway.StartAsync(new TeamGatewayOptions
        {
            Team = """ "Budget": { "Usd": 1 } """,
            Limits = """{ "Prices": [ { "Model": "test/dollar", "Prompt": "0", "Completion": "0", "Request": "1" } ] }""",
            Sections = [("ReverseProxy", proxy.ToJsonString())],
            UpstreamUrl = url,
            HasStoredPrices = true,
        });
    }

    private async Task<LedgerRow> NewClosedRowAsync(string[] lines)
    {
        var before = (await _team.RowsAsync()).Count;
        await _team.ChatAsync($"\"seed\":{TeamGateway.NextId()[5..]}", lines);
        return await Eventually.GetAsync(
            async () => (await _team.RowsAsync()).Skip(before).FirstOrDefault(row => row.IsClosed), "a closed row");
    }

    public sealed class Fixture : IAsyncLifetime
    {
        private TeamGateway? _team;

        internal TeamGateway Team => _team ?? throw new InvalidOperationException("Not started.");

        public async ValueTask InitializeAsync() => _team = await TeamGateway.StartAsync();

        public ValueTask DisposeAsync() => _team?.DisposeAsync() ?? default;
    }
}
