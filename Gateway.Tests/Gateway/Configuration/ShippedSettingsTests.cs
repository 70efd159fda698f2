using Gateway.Configuration.Model;
using Gateway.Configuration.Reading;
using Gateway.Reports;
using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.Gateway.Configuration;

public sealed class ShippedSettingsTests : IDisposable
{
    private static readonly string[] Endpoints =
        ["chat/completions", "completions", "responses", "messages", "embeddings", "rerank", "images", "images/generations"];

    private readonly SettingsFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private static string Shipped => File.ReadAllText(Path.Combine(Repository.Root, "appsettings.json"));

    [Fact]
    public async Task File_LoadsWithoutAWarningAndStatesTheDefaults()
    {
        _folder.Write("appsettings.json", Shipped);

        var snapshot = await _folder.LoadGoodAsync();

        Assert.Empty(snapshot.Warnings);
        Assert.Equal(new ServerSettings(), snapshot.Settings.Server);
        Assert.Equal(new LoggingSettings().LogLevel, snapshot.Settings.Logging.LogLevel);
        Assert.Empty(snapshot.Rules.Rules);
        Assert.Equal("https://openrouter.ai/api/v1", Assert.Single(Assert.Single(snapshot.Clusters).Destinations!).Value.Address);
        Assert.Equal(TimeSpan.FromMinutes(30), snapshot.Clusters[0].HttpRequest!.ActivityTimeout);
    }

    [Fact]
    public async Task RewrittenRoutes_AreThePostEndpointsBelowEveryPrefix()
    {
        _folder.Write("appsettings.json", Shipped);
        var routes = (await _folder.LoadGoodAsync()).Routes;

        var rewritten = routes.Where(route => route.Transforms!.Any(transform => transform.ContainsKey("ProviderMapping"))).ToArray();

        string[] expected =
            [.. from prefix in (string[])["/v1", "/api/v1", "/api"] from endpoint in Endpoints select $"{prefix}/{endpoint}"];
        Assert.Equal(expected.Order(StringComparer.Ordinal), rewritten.Select(route => route.Match.Path!).Order(StringComparer.Ordinal));
        Assert.All(rewritten, route => Assert.Equal(["POST"], route.Match.Methods));
        Assert.All(rewritten, route => Assert.Equal(2, route.Transforms!.Count));
        Assert.All(rewritten, route => Assert.StartsWith(
            route.Transforms![0]["PathRemovePrefix"] + "/", route.Match.Path!, StringComparison.Ordinal));
        Assert.Equal(
            ["/api/alpha/{**rest}", "/api/beta/{**rest}", "/api/v1/{**rest}", "/api/{**rest}", "/v1/{**rest}"],
            routes.Except(rewritten).Select(route => route.Match.Path!).Order(StringComparer.Ordinal));
        Assert.All(routes.Except(rewritten), route => Assert.Null(route.Match.Methods));
    }

    [Fact]
    public async Task Examples_WorkWhenUncommented()
    {
        var text = Shipped;
        string[] examples = ["{ \"Name\": \"claude\"", "{ \"Name\": \"eu-only\"", "  \"Provider\": { \"only\"", "{ \"Model\": \"gpt-4o\""];
        foreach (var example in examples)
        {
            Assert.Contains("// " + example, text, StringComparison.Ordinal);
            text = text.Replace("// " + example, example, StringComparison.Ordinal);
        }

        _folder.Write("appsettings.json", text);

        var snapshot = await _folder.LoadGoodAsync();
        Assert.Equal(["claude", "eu-only"], snapshot.Rules.Rules.Select(rule => rule.Name));
        Assert.Equal("openai/gpt-4o", Assert.Single(snapshot.Rules.Aliases).Use);
    }

    [Theory]
    [InlineData("RequestBodyMemory")]
    [InlineData("MaxWaitingBodies")]
    public async Task ExampleOfTheServer_WorksWhenItAloneIsUncommented(string name)
    {
        Assert.Contains($"// \"{name}\"", Shipped, StringComparison.Ordinal);
        _folder.Write("appsettings.json", Shipped.Replace($"// \"{name}\"", $"\"{name}\"", StringComparison.Ordinal));

        // The examples state the defaults.
        Assert.Equal(new ServerSettings(), (await _folder.LoadGoodAsync()).Settings.Server);
    }

    [Fact]
    public async Task TeamExamples_WorkWhenUncommented()
    {
        var lines = Shipped.Split('\n');
        var start = Array.FindIndex(lines, line => line.StartsWith("  // \"Teams\": [", StringComparison.Ordinal));
        var end = Array.FindIndex(lines, line => line.StartsWith("  // \"Admin\":", StringComparison.Ordinal));
        for (var i = start; i <= end; i++)
        {
            lines[i] = lines[i]["  // ".Length..];
        }

        _folder.Write("appsettings.json", string.Join('\n', lines));
        _folder.Variables["OPENROUTER_API_KEY_SEARCH"] = "sk-or-v1-x";
        _folder.Variables["ALERT_WEBHOOK"] = "https://hooks.example/x";

        var snapshot = await _folder.LoadGoodAsync();

        Assert.Equal(13, end - start);
        Assert.Equal("https://hooks.example/x", snapshot.AlertWebhook?.Reveal());
        Assert.Equal("search", Assert.Single(snapshot.Teams.Teams).Id);
        Assert.Equal("http://127.0.0.1:9464", snapshot.Settings.Admin.Url);
        Assert.Empty(snapshot.Warnings);
    }

    [Fact]
    public async Task Check_SaysWhatTheSettingsMean()
    {
        _folder.Write("appsettings.json", Shipped);
        _folder.Write(".env", "GATEWAY_IP=::1");
        _folder.Args =
        [
            "--port", "8080", "--openrouter-base-url", "http://127.0.0.1:9/api/v1", "--model-provider-mapping", "a/*=A, B", "check",
        ];
        var result = await _folder.LoadAsync();

        var report = CheckReport.Write(result.Snapshot!, _folder.Sources(), SettingsFiles.Read(_folder.Sources()))
            .Split(Environment.NewLine);

        Assert.Equal($"settings {result.Snapshot!.Version}, environment Production", report[0]);
        Assert.Equal($"  from {_folder.Path}/appsettings.json, {_folder.Path}/.env", report[1]);
        Assert.Equal(
            [
                "  Server:Address from GATEWAY_IP in .env",
                "  Server:Port from --port",
                "  ReverseProxy:Clusters:openrouter:Destinations:openrouter:Address from --openrouter-base-url",
            ],
            report[2..5]);
        Assert.Contains("listens on http://[::1]:8080", report);
        Assert.Contains("cluster openrouter: http://127.0.0.1:9/api/v1", report);
        Assert.Contains("rewritten routes: 24", report);
        Assert.Contains("  POST /v1/chat/completions -> openrouter (v1-chat)", report);
        Assert.Contains("other routes: 5", report);
        Assert.Contains("  any /v1/{**rest} -> openrouter (v1-rest)", report);
        Assert.Contains("  cli-1 (KeepClient, from --model-provider-mapping)", report);
        Assert.Contains("    models   a/*", report);
        Assert.Contains("    provider {\"order\":[\"A\",\"B\"]}", report);
    }

    [Theory]
    [InlineData("openai/*", "presets", "openrouter/auto", "without a model")]
    [InlineData("@preset/*", "openrouter/auto", "without a model")]
    [InlineData("openrouter/auto", "presets", "without a model")]
    [InlineData("*")]
    public async Task Check_RemindsOfWhatNamesDoNotCover(string model, params string[] unbound)
    {
        _folder.Write("appsettings.json", SettingsFolder.Json(
            $$"""
            "ProviderMapping": { "Rules": [
              { "Model": "{{model}}", "WhenClientSetsProvider": "Enforce", "Provider": { "zdr": true } } ] }
            """));
        var snapshot = await _folder.LoadGoodAsync();

        var report = CheckReport.Write(snapshot, _folder.Sources(), SettingsFiles.Read(_folder.Sources()));

        var reminder = report.Split('\n').SingleOrDefault(line =>
            line.StartsWith("warning: ProviderMapping:Rules: ", StringComparison.Ordinal)
                && line.Contains("get past your Enforce rules", StringComparison.Ordinal));
        string[] all = ["presets", "openrouter/auto", "without a model"];
        Assert.Equal(unbound, all.Where(what => reminder?.Contains(what, StringComparison.Ordinal) == true));
    }
}
