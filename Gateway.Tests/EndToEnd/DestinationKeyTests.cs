using System.Text;
using System.Text.Json.Nodes;
using FakeOpenRouter;
using Gateway.Billing;
using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.EndToEnd;

/// <summary>
/// Promise: a destination with a key of its own gets this key and never a team's; its calls are the team's all the same, and their bills are
/// asked there.
/// </summary>
public sealed class DestinationKeyTests
{
    private const string OwnKey = "sk-or-v1-key-of-the-other-account";
    private const string Chat = "/v1/chat/completions";

    [Fact]
    public async Task OtherAccount_TakesOverWithItsOwnKey()
    {
        await using var one = await FakeOpenRouterServer.StartAsync(new FakeOpenRouterOptions { Seed = 1111111111 });
        await using var two = await FakeOpenRouterServer.StartAsync(new FakeOpenRouterOptions { Seed = 2222222222 });
        using var secret = new TempFolder();
        secret.Write("two.key", OwnKey + "\n");
        await using var team = await TeamGateway.StartAsync(new TeamGatewayOptions
        {
            Upstream = one,
            KeepsDestinations = true,
            Sections = [("ReverseProxy", Section(one.BaseUrl, two.BaseUrl, $"file:{secret.File("two.key")}"))],
        });
        one.Script("x-fake-status: 429", "x-fake-no-generation-id: 1");
        two.Script("x-fake-events: 20", "x-fake-cut-after: 6");

        await using var client = await team.Gateway.ConnectAsync();
        await client.PostAsync(
            Chat, Encoding.UTF8.GetBytes(TeamGateway.Body("\"stream\":true")), "x-api-key: " + TeamSetup.Key);
        var (head, _) = await client.ReadAsync();
        Assert.Equal((200, "2"), (head.Status, head.Header("x-gateway-attempts")));

        // The stream broke before its usage, so the bill is asked for: only the other account has it, under its key.
        var bill = Assert.Single(two.Book.Entries);
        var row = await team.ClosedRowAsync(bill);
        Assert.Equal((GenerationState.Settled, (long?)bill.Cost, "b"), (row.State, row.CostPico, row.Destination));
        Assert.True(row.Questions > 0);
        Assert.All(one.Requests.All, request => Assert.Equal($"Bearer {TeamSetup.UpstreamKey}", request.Header("Authorization")));
        Assert.All(two.Requests.All, request => Assert.Equal($"Bearer {OwnKey}", request.Header("Authorization")));
        Assert.DoesNotContain(one.Requests.All, request => request.Path.EndsWith("/generation", StringComparison.Ordinal));
    }

    /// <summary>The request has the keys of the settings that it began with, and those are not for a destination that came later.</summary>
    [Fact]
    public async Task DestinationThatAReloadAdds_GetsNoKeyOfEarlierSettings()
    {
        var hasRequest = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var goOn = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var one = ScriptedSocketUpstream.Start(async connection =>
        {
            while (true)
            {
                var (head, _) = await connection.ReadRequestAsync();
                if (head.StartsWith("POST", StringComparison.Ordinal))
                {
                    hasRequest.SetResult();
                    await goOn.Task.GuardAsync();
                    await connection.SendAsync("HTTP/1.1 429 Too Many Requests\r\nContent-Length: 0\r\n\r\n");
                }
                else
                {
                    await connection.SendAsync("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}");
                }
            }
        });
        await using var two = await FakeOpenRouterServer.StartAsync();
        using var secret = new TempFolder();
        secret.Write("two.key", OwnKey);
        await using var team = await StartAsync(one.BaseUrl);

        var calling = team.ChatAsync(Model);
        await hasRequest.Task.GuardAsync();
        await ReloadAsync(team, Section(one.BaseUrl, two.BaseUrl, $"file:{secret.File("two.key")}"));
        goOn.SetResult();

        Assert.Equal(429, (await calling).Status);
        Assert.All(two.Requests.All, request => Assert.Equal($"Bearer {OwnKey}", request.Header("Authorization")));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task DestinationThatAReloadMoves_GetsTheKeyOfTheNewSettings(bool hasOwnKey)
    {
        await using var one = await FakeOpenRouterServer.StartAsync();
        await using var two = await FakeOpenRouterServer.StartAsync();
        using var secret = new TempFolder();
        secret.Write("two.key", OwnKey);
        await using var team = await StartAsync(one.BaseUrl);
        var body = TeamGateway.Body(Model);

        // "Continue" is the answer to the first reading of the body: the request has its settings by then.
        await using var client = await team.Gateway.ConnectAsync();
        await client.SendAsync(
            $"POST {Chat} HTTP/1.1\r\nHost: {client.Authority}\r\nx-api-key: {TeamSetup.Key}\r\nContent-Type: application/json\r\n"
            + $"Expect: 100-continue\r\nContent-Length: {body.Length}\r\n\r\n");
        Assert.Equal(100, (await client.ReadHeadAsync()).Status);
        await ReloadAsync(team, Destinations.Section("", ("a", hasOwnKey
            ? Destination(two.BaseUrl, $"file:{secret.File("two.key")}")
            : $$"""{ "Address": "{{two.BaseUrl}}" }""")));
        await client.SendAsync(body);
        var (head, _) = await client.ReadAsync();

        Assert.Equal(200, head.Status);
        Assert.DoesNotContain(one.Requests.All, IsCall);
        Assert.Equal(
            [$"Bearer {(hasOwnKey ? OwnKey : TeamSetup.UpstreamKey)}"],
            two.Requests.All.Where(IsCall).Select(static request => request.Header("Authorization")));

        static bool IsCall(ReceivedRequest request) => request.Path.EndsWith("/completions", StringComparison.Ordinal);
    }

    [Fact]
    public async Task OnlyDestinationWithAKeyOfItsOwn_IsAskedForPricesWithIt()
    {
        await using var upstream = await FakeOpenRouterServer.StartAsync();
        using var secret = new TempFolder();
        secret.Write("two.key", OwnKey);
        await using var team = await TeamGateway.StartAsync(new TeamGatewayOptions
        {
            Upstream = upstream,
            KeepsDestinations = true,
            Sections =
            [
                ("ReverseProxy", Destinations.Section("", ("a", Destination(upstream.BaseUrl, $"file:{secret.File("two.key")}")))),
            ],
        });

        Assert.Equal(200, (await team.ChatAsync()).Status);

        Assert.All(upstream.Requests.All, request => Assert.Equal($"Bearer {OwnKey}", request.Header("Authorization")));
    }

    [Fact]
    public async Task WithoutTeams_TheCallersKeyIsSent()
    {
        await using var upstream = await FakeOpenRouterServer.StartAsync();
        using var secret = new TempFolder();
        secret.Write("two.key", OwnKey);
        await using var gateway = await GatewayHost.StartAsync(options => options.Settings = ShippedSettings.With(
            ("ReverseProxy", Destinations.Section("", ("a", Destination(upstream.BaseUrl, $"file:{secret.File("two.key")}"))))));

        using var response = await gateway.Client.GetAsync("/v1/models", TestContext.Current.CancellationToken);

        Assert.Equal("Bearer sk-or-v1-test", upstream.Requests.Single.Header("Authorization"));
    }

    private const string Model = "\"model\":\"test/dollar\"";

    /// <summary>A gateway with one destination, whose name is <c>a</c>.</summary>
    private static Task<TeamGateway> StartAsync(string address) => TeamGateway.StartAsync(new TeamGatewayOptions
    {
        Limits = """{ "Prices": [ { "Model": "test/dollar", "Prompt": "0", "Completion": "0", "Request": "1" } ] }""",
        KeepsDestinations = true,
        WaitsForPrices = false,
        Sections = [("ReverseProxy", Destinations.Of(address))],
    });

    private static Task ReloadAsync(TeamGateway team, string section)
    {
        var settings = JsonNode.Parse(team.Settings())!;
        settings["ReverseProxy"] = JsonNode.Parse(section);
        return team.Gateway.ReloadAsync(settings.ToJsonString());
    }

    private static string Section(string one, string two, string reference) => Destinations.Section(
        "", ("a", $$"""{ "Address": "{{one}}" }"""), ("b", Destination(two, reference)));

    private static string Destination(string address, string reference) =>
        $$"""{ "Address": "{{address}}", "Metadata": { "OpenRouterKey": "{{reference}}" } }""";
}
