using System.Text.Json;
using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.EndToEnd;

/// <summary>
/// Promise: a faulty edit changes nothing. The last good settings stay in force, and the log and the admin address name the setting.
/// </summary>
public sealed class FaultyEditTests(FaultyEditTests.Running running) : IClassFixture<FaultyEditTests.Running>
{
    public static TheoryData<string, string> Faulty() => new()
    {
        {
            """{ "ProviderMapping": { "Rules": [ { "Name": "x", "Model": "", "Provider": { "order": ["a"] } } ] } }""",
            "ProviderMapping:Rules:0:Model"
        },
        { """{ "ProviderMapping": { "Rules": [ { "Name": "x", "Model": "*" } ] } }""", "ProviderMapping:Rules:0:Provider" },
        {
            """{ "ProviderMapping": { "Rules": [ { "Name": "x", "Model": "*", "Provider": { "order": "a" } } ] } }""",
            "ProviderMapping:Rules:0:Provider:order"
        },
        {
            """{ "ProviderMapping": { "Rules": [ { "Name": "x y", "Model": "*", "Provider": { "zdr": true } } ] } }""",
            "ProviderMapping:Rules:0:Name"
        },
        { """{ "ProviderMapping": { "Rules": [ { "Modell": "*" } ] } }""", "ProviderMapping:Rules:0:Modell" },
        { """{ "ProviderMappin": { } }""", "ProviderMappin" },
        { """{ "ProviderMapping": { "Rules": [] }, "ProviderMapping": { "Rules": [] } }""", "ProviderMapping" },
        {
            """{ "ReverseProxy": { "Routes": { "r": { "ClusterId": "missing", "Match": { "Path": "/x" } } }, "Clusters": { } } }""",
            "ReverseProxy:Routes:r"
        },
        {
            """{ "ReverseProxy": { "Routes": { "r": { "ClusterId": "c", "Match": { "Path": "/x" }, "Transforms": [ { "Nonsense": "1" } ] } }, "Clusters": { "c": { "Destinations": { "d": { "Address": "http://127.0.0.1:1" } } } } } }""",
            "ReverseProxy:Routes:r"
        },
        {
            """{ "ReverseProxy": { "Routes": { "r": { "ClusterId": "c", "Mtach": { "Path": "/x" } } }, "Clusters": { "c": { } } } }""",
            "ReverseProxy:Routes:r:Mtach"
        },
        { """{ "Server": { "MaxRequestBodySize": "many" } }""", "Server:MaxRequestBodySize" },
        { "{ not json", "appsettings.json" },
        { "", "appsettings.json" },
        { "[]", "appsettings.json" },
    };

    [Theory]
    [MemberData(nameof(Faulty))]
    public async Task FaultyEdit_KeepsTheLastGoodSettingsAndSaysWhy(string text, string path)
    {
        var pair = running.Pair;
        var admin = running.Admin;
        var good = running.NextRule();
        await pair.Gateway.ReloadAsync(Settings(good));
        var version = await pair.Gateway.VersionAsync();
        var printed = pair.Gateway.Log.All.Count;

        await pair.Gateway.WriteSettingsAsync(text);
        await Eventually.TrueAsync(
            () => pair.Gateway.Log.All.Skip(printed).Any(line => line.Contains(path, StringComparison.Ordinal)), path);

        await Eventually.TrueAsync(
            async () => (await pair.Gateway.HealthAsync()).GetProperty("status").GetString() == "degraded", "refused settings");
        Assert.Contains(path, await FaultsAsync(admin), StringComparison.Ordinal);

        // The public page tells strangers neither paths nor names.
        Assert.Equal(
            ["status", "version", "restart_required", "ready"],
            (await pair.Gateway.HealthAsync()).EnumerateObject().Select(member => member.Name));
        Assert.Equal(version, await pair.Gateway.VersionAsync());
        Assert.Equal(good, await pair.RuleAsync());
        Assert.Equal(200, (await pair.GetAsync("/v1/models")).Status);

        // A touch of the same bad content is nothing new; a good file ends it.
        await pair.Gateway.WriteSettingsAsync(text);
        var better = running.NextRule();
        await pair.Gateway.ReloadAsync(Settings(better));
        Assert.Equal(better, await pair.RuleAsync());
        Assert.DoesNotContain(path + "\"", await FaultsAsync(admin), StringComparison.Ordinal);
        Assert.False(pair.Gateway.Process.HasExited);
    }

    private static string Settings(string rule) => ShippedSettings.With(
        ("Admin", """{ "Url": "http://127.0.0.1:0" }"""),
        ("ProviderMapping", $$"""{ "Rules": [{ "Name": "{{rule}}", "Model": "*", "Provider": { "only": ["{{rule}}"] } }] }"""));

    private static async Task<string> FaultsAsync(HttpClient admin)
    {
        using var page = JsonDocument.Parse(await admin.GetStringAsync("/admin/health", TestContext.Current.CancellationToken));
        return page.RootElement.GetProperty("last_reload").GetProperty("faults").GetRawText();
    }

    /// <summary>One process for all cases, which run one after another.</summary>
    public sealed class Running : IAsyncLifetime
    {
        private int _rules;

        internal GatewayPair Pair { get; private set; } = null!;

        internal HttpClient Admin { get; private set; } = null!;

        public async ValueTask InitializeAsync()
        {
            Pair = await GatewayPair.StartAsync(options =>
            {
                options.Settings = Settings(NextRule());
                options.OutOfProcess = true;
            });
            Admin = await Pair.Gateway.AdminClientAsync();
        }

        public async ValueTask DisposeAsync()
        {
            Admin.Dispose();
            await Pair.DisposeAsync();
        }

        internal string NextRule() => $"rule-of-case-{++_rules}";
    }
}
