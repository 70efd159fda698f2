using FakeOpenRouter;
using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.EndToEnd;

/// <summary>
/// Promise: the settings of section <c>Upstream</c> hold from the next request after a reload on; <c>ConnectTimeout</c> says that it waits for a
/// restart.
/// </summary>
public sealed class UpstreamSettingsReloadTests
{
    private const string Chat = "/v1/chat/completions";

    [Fact]
    public async Task Attempts_AreThoseOfTheReload()
    {
        await using var one = await FakeOpenRouterServer.StartAsync();
        await using var two = await FakeOpenRouterServer.StartAsync();
        one.Script("x-fake-status: 429", "x-fake-no-generation-id: 1");
        await using var gateway = await GatewayHost.StartAsync(options => options.Settings = Settings("{}"));

        Assert.Equal(200, await ChatAsync());
        await gateway.ReloadAsync(Settings("""{ "MaxAttempts": 1 }"""));
        Assert.Equal(429, await ChatAsync());
        await gateway.ReloadAsync(Settings("""{ "MaxAttempts": 2 }"""));
        Assert.Equal(200, await ChatAsync());
        await gateway.ReloadAsync(Settings("""{ "MaxRetriedBodySize": 0 }"""));
        Assert.Equal(429, await ChatAsync());

        string Settings(string upstream) => ShippedSettings.With(
            ("ReverseProxy", Destinations.Of(one.BaseUrl, two.BaseUrl)), ("Upstream", upstream));

        async Task<int> ChatAsync() => await StatusAsync(gateway);
    }

    [Fact]
    public async Task ErrorsInSuccess_AreThoseOfTheReload()
    {
        await using var upstream = await FakeOpenRouterServer.StartAsync();
        upstream.Script("""x-fake-body: {"error":{"code":418}}""");
        await using var gateway = await GatewayHost.StartAsync(options => options.Upstream = upstream.BaseUrl);
        Assert.Equal(418, await StatusAsync(gateway));

        await gateway.ReloadAsync(ShippedSettings.WithValues(("Upstream:ErrorsInSuccess", "\"PassThrough\"")));

        Assert.Equal(200, await StatusAsync(gateway));
    }

    [Theory]
    [InlineData("FirstEventTimeout", "")]
    [InlineData("EventTimeout", "data: {\"choices\":[]}\n\n")]
    [InlineData("TotalTimeout", "data: {\"choices\":[]}\n\n")]
    public async Task TimeLimits_AreThoseOfTheReload(string setting, string data)
    {
        await using var upstream = ScriptedSocketUpstream.Start(async connection =>
        {
            await connection.ReadRequestAsync();
            await connection.SendAsync("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n");
            await connection.SendChunkAsync(": OPENROUTER PROCESSING\n\n" + data);
            await connection.WaitForCloseAsync();
        });
        await using var gateway = await GatewayHost.StartAsync(options =>
        {
            options.Upstream = upstream.BaseUrl;
            options.HasLog = true;
        });
        await gateway.ReloadAsync(ShippedSettings.WithValues(($"Upstream:{setting}", "\"00:00:01\"")));
        await using var client = await gateway.ConnectAsync();

        await client.PostAsync(Chat, """{"model":"m","stream":true}""");

        // On a busy machine the error event may come too late: the response has a second for its end.
        await client.ReadAsync();
        await gateway.Log.WaitForAsync(static line => line.Contains("UpstreamTimedOut", StringComparison.Ordinal), "the request's line");
    }

    [Fact]
    public async Task ConnectTimeout_WaitsForARestart()
    {
        await using var pair = await GatewayPair.StartAsync();

        await pair.Gateway.ReloadAsync(ShippedSettings.WithValues(("Upstream:ConnectTimeout", "\"00:00:07\"")));

        Assert.True((await pair.Gateway.HealthAsync()).GetProperty("restart_required").GetBoolean());
    }

    [Fact]
    public async Task PassiveHealthCheck_IsThatOfTheReload()
    {
        await using var gateway = await GatewayHost.StartAsync(options => options.Settings = Settings("""{ "ReactivationPeriod": "1.00:00:00" }"""));
        await Eventually.TrueAsync(async () => await StatusAsync(gateway) == 503, "a destination that is left alone");

        await gateway.ReloadAsync(Settings("""{ "Enabled": false }"""));

        await Eventually.TrueAsync(async () => await StatusAsync(gateway) == 502, "a destination that is asked again");

        static string Settings(string passive) => ShippedSettings.With(("ReverseProxy", Destinations.Section(
            $$""", "HealthCheck": { "Passive": {{passive}} } """,
            ("a", $$"""{ "Address": "{{ScriptedSocketUpstream.RefusingBaseUrl}}" }"""))));
    }

    private static async Task<int> StatusAsync(GatewayHost gateway)
    {
        await using var client = await gateway.ConnectAsync();
        await client.PostAsync(Chat, "{}");
        return (await client.ReadAsync()).Head.Status;
    }
}
