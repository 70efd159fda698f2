using FakeOpenRouter;
using Gateway.Billing;
using Gateway.Tests.Support;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Gateway.Tests.EndToEnd;

/// <summary>Promise: an error whose body breaks or stalls counts by its status: for the client, for other destinations and for the charge.</summary>
public sealed class BrokenErrorTests
{
    private const string Chat = "/v1/chat/completions";
    private const string Part = "{\"error\":{\"cod";

    [Fact]
    public async Task FreeErrorThatBreaks_GoesToAnotherDestination()
    {
        await using var busy = ScriptedSocketUpstream.Answering(Head(429) + Part);
        await using var alive = await FakeOpenRouterServer.StartAsync();
        await using var gateway = await StartAsync(busy.BaseUrl, alive.BaseUrl);
        await using var client = await gateway.ConnectAsync();
        await client.PostAsync(Chat, "{}");

        var (head, _) = await client.ReadAsync();

        Assert.Equal((200, "2"), (head.Status, head.Header("x-gateway-attempts")));
    }

    [Fact]
    public async Task OtherErrorThatBreaks_ReachesTheClient()
    {
        await using var broken = ScriptedSocketUpstream.Answering(Head(503) + Part);
        await using var alive = await FakeOpenRouterServer.StartAsync();
        await using var gateway = await StartAsync(broken.BaseUrl, alive.BaseUrl);
        await using var client = await gateway.ConnectAsync();
        await client.PostAsync(Chat, "{}");

        var (head, body) = await client.ReadAsync();

        Assert.Equal((503, Part, RawEnd.Complete), (head.Status, body.Text, body.End));
        Assert.Equal(0, alive.Requests.Count);
    }

    [Fact]
    public async Task ErrorAboutTheKeyThatBreaks_CostsNothing()
    {
        await using var broken = ScriptedSocketUpstream.Answering(Head(401) + Part);
        await using var team = await TeamGateway.StartAsync(new TeamGatewayOptions
        {
            Team = """ "Budget": { "Usd": 1 } """,
            Limits = """{ "Prices": [ { "Model": "test/dollar", "Prompt": "0", "Completion": "0", "Request": "1" } ] }""",
            KeepsDestinations = true,
            HasStoredPrices = true,
            Sections = [("ReverseProxy", Destinations.Of(broken.BaseUrl))],
        });

        (await team.ChatAsync("\"model\":\"test/dollar\"")).IsRefused(503);

        var row = await team.RowAsync(row => row.IsClosed);
        Assert.Equal((GenerationState.Settled, 0L, 401L), (row.State, row.CostPico!.Value, row.Status!.Value));
    }

    [Theory]
    [InlineData("text/event-stream", "data: {\"id\":\"gen-1\"}\n\n", "", "gen-1")]
    [InlineData("text/event-stream", "data: {\"id\":\"gen-1\"}\n\n", "X-Generation-Id: gen-2\r\nX-Generation-Id: gen-2\r\n", "gen-2")]
    [InlineData("application/json", "{\"id\":\"gen-1\",\"object\":\"chat.comp", "", "gen-1")]
    public async Task AnswerThatBreaksBeforeItIsDecided_IsAskedForByItsId(string type, string part, string headers, string id)
    {
        await using var broken = ScriptedSocketUpstream.Answering(
            $"HTTP/1.1 200 OK\r\nContent-Type: {type}\r\nContent-Length: 5000\r\n{headers}\r\n{part}");
        await using var team = await TeamGateway.StartAsync(new TeamGatewayOptions
        {
            Limits = """{ "Prices": [ { "Model": "test/dollar", "Prompt": "0", "Completion": "0", "Request": "1" } ] }""",
            KeepsDestinations = true,
            HasStoredPrices = true,
            Sections = [("ReverseProxy", Destinations.Of(broken.BaseUrl))],
        });

        await team.ChatAsync("\"model\":\"test/dollar\"");

        var row = await team.RowAsync(static row => row.State != GenerationState.Reserved);
        Assert.Equal((GenerationState.Provisional, id, 200L), (row.State, row.GenerationId, row.Status));
    }

    [Fact]
    public async Task FreeErrorThatStalls_GoesToAnotherDestinationInTime()
    {
        var time = new FakeTimeProvider();
        await using var busy = ScriptedSocketUpstream.Start(async connection =>
        {
            await connection.ReadRequestAsync();
            await connection.SendAsync(Head(429) + Part);
            await connection.WaitForCloseAsync();
        });
        await using var alive = await FakeOpenRouterServer.StartAsync();
        await using var gateway = await StartAsync(time, busy.BaseUrl, alive.BaseUrl);
        await using var client = await gateway.ConnectAsync();
        await client.PostAsync(Chat, "{}");
        var reading = client.ReadAsync();
        await time.AdvanceUntilAsync(TimeSpan.FromSeconds(1), () => Task.FromResult(reading.IsCompleted), "the answer");

        var (head, _) = await reading;
        Assert.Equal((200, "2"), (head.Status, head.Header("x-gateway-attempts")));
    }

    private static string Head(int status) =>
        $"HTTP/1.1 {status} Error\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n";

    private static Task<GatewayHost> StartAsync(params string[] addresses) => StartAsync(TimeProvider.System, addresses);

    private static Task<GatewayHost> StartAsync(TimeProvider time, params string[] addresses) => GatewayHost.StartAsync(options =>
    {
        options.Time = time;
        options.Settings = ShippedSettings.With(("ReverseProxy", Destinations.Of(addresses)));
    });
}
