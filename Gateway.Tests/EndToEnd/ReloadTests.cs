using System.Globalization;
using System.Text.Json.Nodes;
using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.EndToEnd;

/// <summary>
/// Promise: an edit of the settings file is taken without a restart, as a whole or not at all, without a failed request.
/// </summary>
public sealed class ReloadTests
{
    [Theory]
    [InlineData("in place")]
    [InlineData("by rename")]
    [InlineData("in two halves")]
    [InlineData("deleted and created again")]
    [InlineData("truncated first")]
    public async Task Edit_IsInForceHoweverItIsWritten(string how)
    {
        await using var pair = await GatewayPair.StartAsync(options => options.Rules(Rule("before")));
        Assert.Equal("before", await pair.RuleAsync());
        var text = ShippedSettings.WithRules(Rule("after"));

        await WriteAsync(pair.Gateway, text, how);
        await pair.Gateway.WaitForVersionChangeAsync("");
        await pair.WaitForRuleAsync("after");

        // The rules are in force before the health page says so.
        await Eventually.TrueAsync(
            async () => (await pair.Gateway.HealthAsync()).GetProperty("status").GetString() == "ok", "accepted settings");
    }

    /// <summary>That it takes less than a second is shown with the watcher's own clock, by its tests.</summary>
    [Fact]
    public async Task EditAfterEdit_IsInForce()
    {
        await using var pair = await GatewayPair.StartAsync(options => options.Rules(Rule("v0")));
        for (var i = 1; i <= 3; i++)
        {
            await pair.Gateway.WriteSettingsAsync(ShippedSettings.WithRules(Rule($"v{i}")));
            await pair.WaitForRuleAsync($"v{i}");
        }
    }

    [Fact]
    public async Task SymlinkSwapOfAConfigMap_IsSeen()
    {
        await using var upstream = await FakeOpenRouter.FakeOpenRouterServer.StartAsync();
        using var folder = new TempFolder();
        var mount = await KubernetesVolume.CreateAsync(folder.Path, ("appsettings.json", ShippedSettings.WithRules(Rule("v1"))));
        await using var process = GatewayProcess.Start(
            ["--config", mount.File("appsettings.json"), "--ip=127.0.0.1", "--port=0", "--openrouter-base-url", upstream.BaseUrl], folder.Path);
        var address = await process.WaitForAddressAsync(upstream.BaseUrl);
        Assert.Equal("v1", await RuleAtAsync(address));

        await mount.UpdateAsync(("appsettings.json", ShippedSettings.WithRules(Rule("v2"))));

        await Eventually.TrueAsync(async () => await RuleAtAsync(address) == "v2", "the swapped settings");
    }

    [Fact]
    public async Task BadContent_IsLoggedOnce()
    {
        await using var pair = await GatewayPair.StartAsync(options => options.HasLog = true);
        const string Bad = """{ "Unheard": 1 }""";

        // By rename, so that no half of it is seen.
        for (var i = 0; i < 4; i++)
        {
            File.Move(pair.Gateway.Folder.Write("bad.tmp", Bad), pair.Gateway.SettingsPath, overwrite: true);
            await pair.Gateway.Log.WaitForAsync(line => line.Contains("Unheard", StringComparison.Ordinal), "Unheard");
        }

        File.Move(
            pair.Gateway.Folder.Write("good.tmp", ShippedSettings.WithRules(Rule("good"))), pair.Gateway.SettingsPath, overwrite: true);
        await pair.WaitForRuleAsync("good");

        Assert.Single(pair.Gateway.Log.All, line => line.Contains("Unheard", StringComparison.Ordinal));
    }

    [Fact]
    public async Task MissingFile_KeepsTheLastGoodSettings()
    {
        await using var pair = await GatewayPair.StartAsync(options => options.Rules(Rule("good")));
        File.Delete(pair.Gateway.SettingsPath);
        await UntilRefusedAsync(pair.Gateway);

        Assert.Equal("good", await pair.RuleAsync());
    }

    [Fact]
    public async Task NewRoute_IsServedAndARemovedOneIsNot()
    {
        await using var pair = await GatewayPair.StartAsync();
        Assert.Equal(404, (await pair.GetAsync("/extra/models")).Status);

        var settings = ShippedSettings.Parse();
        var routes = settings["ReverseProxy"]!["Routes"]!.AsObject();
        routes["extra"] = JsonNode.Parse(
            """{ "ClusterId": "openrouter", "Match": { "Path": "/extra/{**rest}" }, "Transforms": [ { "PathRemovePrefix": "/extra" } ] }""");
        await pair.Gateway.ReloadAsync(settings.ToJsonString());
        Assert.Equal("/api/v1/models", (await pair.GetAsync("/extra/models")).Forwarded.Path);

        routes.Remove("extra");
        await pair.Gateway.ReloadAsync(settings.ToJsonString());
        Assert.Equal(404, (await pair.GetAsync("/extra/models")).Status);
    }

    [Fact]
    public async Task BaseUrlFlag_StaysOnTopOfAReload()
    {
        await using var pair = await GatewayPair.StartAsync();

        await pair.Gateway.ReloadAsync(ShippedSettings.WithValues(
            ("ProviderMapping:Rules", Rule("new")),
            (
                "ReverseProxy:Clusters:openrouter:Destinations",
                """{ "a": { "Address": "http://127.0.0.1:1/x" }, "b": { "Address": "http://127.0.0.1:2/x" } }""")));

        for (var i = 0; i < 6; i++)
        {
            Assert.Equal(200, (await pair.ChatAsync("m")).Status);
        }
    }

    [Fact]
    public async Task StreamUnderWay_OutlivesAReload()
    {
        await using var pair = await GatewayPair.StartAsync();
        await using var client = await pair.Gateway.ConnectAsync();
        await client.PostAsync("/v1/chat/completions", """{"model":"m","stream":true}""", "x-fake-step: 1", "x-fake-events: 30");
        var head = await client.ReadHeadAsync();

        await pair.Gateway.ReloadAsync(ShippedSettings.WithValues(
            ("ProviderMapping:Rules", Rule("new")),
            ("ReverseProxy:Clusters:openrouter:HttpRequest:ActivityTimeout", "\"00:10:00\"")));
        pair.Upstream.Requests.Last.ReleaseAll();
        var body = await client.ReadBodyAsync(head);

        Assert.Equal(RawEnd.Complete, body.End);
        Assert.Equal(33, SseEvents.Parse(body.Text).Count);
    }

    [Fact]
    public async Task PortOrLimits_WaitForARestartAndSaySo()
    {
        await using var pair = await GatewayPair.StartAsync(options => options.HasLog = true);

        await pair.Gateway.ReloadAsync(ShippedSettings.WithValues(
            ("Server:Limits:RequestHeadersTimeout", "\"00:00:17\""),
            ("ProviderMapping:Rules", Rule("rest-applies"))));

        Assert.Equal("rest-applies", await pair.RuleAsync());
        var health = await pair.Gateway.HealthAsync();
        Assert.True(health.GetProperty("restart_required").GetBoolean());
        await pair.Gateway.Log.WaitForAsync(
            line => line.Contains("RequestHeadersTimeout", StringComparison.Ordinal) || line.Contains(
                "Server:Limits", StringComparison.Ordinal),
            "the setting that waits for a restart");
    }

    [Fact]
    public async Task Switches_AreReloaded()
    {
        const string Trace = "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        await using var pair = await GatewayPair.StartAsync(options => options.Settings = ShippedSettings.WithRules(Rule("r")));
        Assert.Equal("r", await pair.RuleAsync());

        await pair.Gateway.ReloadAsync(ShippedSettings.WithValues(
            ("ProviderMapping:Rules", Rule("r")), ("Server:RuleHeader", "false"), ("Server:ForwardTraceHeaders", "true")));
        var call = await pair.PostAsync("/v1/chat/completions", """{"model":"m"}""", Trace);

        Assert.Null(call.Head.Header("x-gateway-rule"));
        Assert.Contains("provider", call.Forwarded.BodyText, StringComparison.Ordinal);
        Assert.Contains("0af7651916cd43dd8448eb211c80319c", call.Forwarded.Header("traceparent"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task LogLevels_AreReloaded()
    {
        await using var pair = await GatewayPair.StartAsync(options => options.HasLog = true);

        await pair.Gateway.ReloadAsync(ShippedSettings.WithValues(("Logging:LogLevel:Gateway", "\"Warning\"")));

        // The health page has the version before the level is set. The next reload begins after the level is.
        await pair.Gateway.ReloadAsync(
            ShippedSettings.WithValues(("Logging:LogLevel:Gateway", "\"Warning\""), ("Server:RuleHeader", "false")));
        await using var client = await pair.Gateway.ConnectAsync();
        await client.PostAsync("/v1/chat/completions", """{"model":"m","messages":[]}""", "Connection: close");
        var (silent, _) = await client.ReadAsync();

        // The connection is closed after the request has ended and its line would be written.
        Assert.True(await client.IsClosedByPeerAsync());
        await pair.Gateway.ReloadAsync(ShippedSettings.WithValues(("Logging:LogLevel:Gateway", "\"Information\"")));
        await pair.Gateway.ReloadAsync(
            ShippedSettings.WithValues(("Logging:LogLevel:Gateway", "\"Information\""), ("Server:RuleHeader", "false")));
        var logged = await pair.ChatAsync("m");

        // Lines are in the order of the requests.
        await pair.Gateway.Log.WaitForAsync(
            line => line.Contains(logged.Head.Header("x-request-id")!, StringComparison.Ordinal), "the request's line");
        Assert.DoesNotContain(silent.Header("x-request-id")!, pair.Gateway.Log.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ReloadsUnderLoad_FailNoRequestAndMixNoSnapshots()
    {
        await using var pair = await GatewayPair.StartAsync(options => options.Settings = Numbered(0));
        using var stop = new CancellationTokenSource();
        var answered = 0;
        var load = Enumerable.Range(0, 4).Select(async worker =>
        {
            await using var client = await pair.Gateway.ConnectAsync();
            while (!stop.IsCancellationRequested)
            {
                await client.PostAsync(
                    "/v1/chat/completions", """{"model":"m","messages":[]}""", worker == 0 ? "x-fake-stream: 1" : "x-fake-echo: 1");
                var (head, body) = await client.ReadAsync();
                Assert.Equal(200, head.Status);
                Assert.Equal(RawEnd.Complete, body.End);
                if (worker != 0)
                {
                    // The rule's name and the member that the rule wrote come from one snapshot.
                    Assert.Contains($"\"{head.Header("x-gateway-rule")}\"", body.Text, StringComparison.Ordinal);
                }

                Interlocked.Increment(ref answered);
            }
        }).ToList();

        for (var i = 1; i <= 30; i++)
        {
            // Each meets requests, and is in force before the next.
            var before = Volatile.Read(ref answered);
            await pair.Gateway.ReloadAsync(Numbered(i));
            await Eventually.TrueAsync(() => Volatile.Read(ref answered) > before || load.Any(worker => worker.IsFaulted), "a request");
        }

        await stop.CancelAsync();
        await Task.WhenAll(load);
        Assert.Equal("v30", await pair.RuleAsync());
    }

    private static string Numbered(int number)
    {
        var name = "v" + number.ToString(CultureInfo.InvariantCulture);
        return number % 3 == 0
            ? ShippedSettings.WithValues(
                ("ProviderMapping:Rules", Rule(name)),
                ("ReverseProxy:Clusters:openrouter:HttpRequest:ActivityTimeout", $"\"00:{10 + (number % 40)}:00\""))
            : ShippedSettings.WithRules(Rule(name));
    }

    private static string Rule(string name) => $$"""[{ "Name": "{{name}}", "Model": "*", "Provider": { "only": ["{{name}}"] } }]""";

    private static async Task<string?> RuleAtAsync(Uri address)
    {
        await using var client = await RawHttpClient.ConnectAsync(address);
        await client.PostAsync("/v1/chat/completions", """{"model":"m"}""");
        return (await client.ReadHeadAsync()).Header("x-gateway-rule");
    }

    /// <summary>Waits until the gateway has seen settings that it does not take.</summary>
    private static Task UntilRefusedAsync(GatewayHost gateway) => Eventually.TrueAsync(
        async () => (await gateway.HealthAsync()).GetProperty("status").GetString() == "degraded", "refused settings");

    private static async Task WriteAsync(GatewayHost gateway, string text, string how)
    {
        var path = gateway.SettingsPath;
        switch (how)
        {
            case "in place":
                await gateway.WriteSettingsAsync(text);
                break;
            case "by rename":
                File.Move(gateway.Folder.Write("new.tmp", text), path, overwrite: true);
                break;
            case "in two halves":
                await gateway.WriteSettingsAsync(text[..(text.Length / 2)]);
                await UntilRefusedAsync(gateway);
                await gateway.WriteSettingsAsync(text);
                break;
            case "deleted and created again":
                File.Delete(path);
                await UntilRefusedAsync(gateway);
                await gateway.WriteSettingsAsync(text);
                break;
            case "truncated first":
                await gateway.WriteSettingsAsync("");
                await UntilRefusedAsync(gateway);
                await gateway.WriteSettingsAsync(text);
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(how), how, null);
        }
    }
}
