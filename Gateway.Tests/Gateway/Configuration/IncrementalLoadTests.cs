using System.Text.Json.Nodes;
using Gateway.Configuration;
using Gateway.Configuration.Reading;
using Gateway.Configuration.ReverseProxy;
using Gateway.Reports;
using Gateway.Tests.Support;
using Microsoft.AspNetCore.Builder;
using OpenRouterGateway.Transforms;
using Xunit;
using Yarp.ReverseProxy.Model;

namespace Gateway.Tests.Gateway.Configuration;

/// <summary>Promise: a reload takes over the parts that did not change, and its outcome is that of a first load.</summary>
public sealed class IncrementalLoadTests : IDisposable
{
    private readonly SettingsFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public async Task RandomEdits_LoadAsIfForTheFirstTime(ulong seed)
    {
        var random = new Dice(seed);
        var settings = JsonNode.Parse(SettingsFolder.Json(
            """
            "ProviderMapping": {
              "Rules": [
                { "Model": "a/*", "Provider": { "order": [ "A" ] } },
                { "Name": "b", "Model": [ "b/*", "c" ], "Provider": { "sort": "price" } },
                { "Model": "d", "Provider": { "zdr": true }, "WhenClientSetsProvider": "Enforce" }
              ],
              "Aliases": [ { "Model": "fast", "Use": "a/b" } ]
            },
            "Teams": [
              {
                "Id": "t", "Keys": [ { "Sha256": "0000000000000000000000000000000000000000000000000000000000000000" } ],
                "OpenRouterKey": "env:KEY", "ProviderMapping": { "Rules": [ { "Model": "a/*", "Provider": { "order": [ "A" ] } } ] }
              }
            ]
            """))!.AsObject();
        _folder.Variables["KEY"] = "sk-or-x";
        var loader = NewLoader();
        for (var i = 0; i < 150; i++)
        {
            var kept = settings.DeepClone();
            Edit(random, settings);
            _folder.Variables.Remove("OPENROUTER_BASE_URL");
            _folder.Variables.Remove("GATEWAY_OPENROUTER_BASE_URL");
            if (random.Next(4) == 0)
            {
                _folder.Variables["GATEWAY_OPENROUTER_BASE_URL"] = random.Next(3) == 0 ? "ftp://x" : "https://two.example/v1";
            }

            _folder.Write("appsettings.json", settings.ToJsonString());
            var sources = _folder.Sources();
            var files = SettingsFiles.Read(sources);

            var incremental = await loader.LoadAsync(sources, files);
            var fresh = await NewLoader().LoadAsync(sources, files);

            Assert.Equal(fresh.Faults, incremental.Faults);
            Assert.Equal(fresh.Snapshot?.Version, incremental.Snapshot?.Version);
            Assert.Equal(fresh.Snapshot?.RoutesVersion, incremental.Snapshot?.RoutesVersion);
            Assert.Equal(fresh.Snapshot?.Warnings, incremental.Snapshot?.Warnings);
            if (fresh.Snapshot is { } good)
            {
                Assert.Equal(CheckReport.Write(good, sources, files), CheckReport.Write(incremental.Snapshot!, sources, files));
                Assert.Equal(good.Rules.Rules.Select(rule => rule.Name), incremental.Snapshot!.Rules.Rules.Select(rule => rule.Name));
            }
            else if (random.Next(2) == 0)
            {
                settings = kept.AsObject();
            }
        }
    }

    [Fact]
    public async Task OneChangedRule_IsCompiledAloneAndYarpIsNotRunAgain()
    {
        var dryRun = NewDryRun();
        var loader = new SettingsLoader(dryRun);
        Write("A");
        var before = (await loader.LoadAsync(_folder.Sources())).Snapshot!;
        Assert.Equal(1, dryRun.Runs);

        Write("B");
        var after = (await loader.LoadAsync(_folder.Sources())).Snapshot!;

        Assert.Equal(1, dryRun.Runs);
        Assert.Equal(before.RoutesVersion, after.RoutesVersion);
        Assert.NotEqual(before.Version, after.Version);
        Assert.Equal(
            [true, false, true], before.Rules.Rules.Zip(after.Rules.Rules).Select(pair => ReferenceEquals(pair.First, pair.Second)));

        void Write(string provider) => _folder.Write("appsettings.json", SettingsFolder.Json(
            $$"""
            "ProviderMapping": { "Rules": [
              { "Model": "a", "Provider": { "order": [ "A" ] } },
              { "Name": "b", "Model": "b", "Provider": { "order": [ "{{provider}}" ] } },
              { "Name": "c", "Model": "c", "Provider": { "order": [ "A" ] } } ] }
            """));
    }

    [Theory]
    [InlineData("flag")]
    [InlineData("variable")]
    [InlineData("overlay")]
    [InlineData("file")]
    public async Task EverySourceOfTheProxySection_RunsYarpAgain(string source)
    {
        var dryRun = NewDryRun();
        var loader = new SettingsLoader(dryRun);
        _folder.Write("appsettings.json", SettingsFolder.Json());
        await loader.LoadAsync(_folder.Sources());

        switch (source)
        {
            case "flag":
                _folder.Args = ["--openrouter-base-url", "https://two.example/v1"];
                break;
            case "variable":
                _folder.Variables["ReverseProxy__Clusters__openrouter__Destinations__a__Address"] = "https://two.example/v1";
                break;
            case "overlay":
                _folder.Write(
                    "appsettings.Production.json",
                    """
                    { "ReverseProxy": { "Clusters": { "openrouter": { "Destinations": { "a": { "Address": "https://two.example/v1" } } } } } }
                    """);
                break;
            default:
                _folder.Write("appsettings.json", SettingsFolder.Json().Replace("one.example", "two.example", StringComparison.Ordinal));
                break;
        }

        var snapshot = (await loader.LoadAsync(_folder.Sources())).Snapshot!;

        Assert.Equal(2, dryRun.Runs);
        Assert.Equal("https://two.example/v1", Assert.Single(Assert.Single(snapshot.Clusters).Destinations!).Value.Address);
    }

    [Fact]
    public async Task RefusedProxySection_IsRefusedAgain()
    {
        var loader = new SettingsLoader(NewDryRun());
        _folder.Write("appsettings.json", SettingsFolder.Json().Replace("https://one.example", "ftp://one.example", StringComparison.Ordinal));
        var first = await loader.LoadAsync(_folder.Sources());

        var second = await loader.LoadAsync(_folder.Sources());

        Assert.NotEmpty(first.Faults);
        Assert.Equal(first.Faults, second.Faults);
    }

    private static SettingsLoader NewLoader() => new(NewDryRun());

    private static ReverseProxyDryRun NewDryRun() => new(
        proxy => global::Gateway.Hosting.GatewayHost.AddTransforms(proxy),
        services => new ReverseProxyApplicationBuilder(new ApplicationBuilder(services)).UseProviderMapping());

    private static void Edit(Dice random, JsonObject settings)
    {
        var rules = settings["ProviderMapping"]!["Rules"]!.AsArray();
        var teamRules = settings["Teams"]![0]!["ProviderMapping"]!["Rules"]!.AsArray();
        var route = settings["ReverseProxy"]!["Routes"]!["all"]!.AsObject();
        var list = random.Next(4) == 0 ? teamRules : rules;
        switch (random.Next(10))
        {
            case 0:
                list.Insert(random.Next(list.Count + 1), Rule(random));
                break;
            case 1 when list.Count > 0:
                list.RemoveAt(random.Next(list.Count));
                break;
            case 2 when list.Count > 1:
                var moved = list[0]!;
                list.RemoveAt(0);
                list.Add(moved);
                break;
            case 3 when list.Count > 0:
                list[random.Next(list.Count)] = Rule(random);
                break;
            case 4 when list.Count > 0:
                list[random.Next(list.Count)]!["Name"] = $"name-{random.Next(4)}";
                break;
            case 5:
                route["Order"] = random.Next(3);
                break;
            case 6:
                route["Match"]!["Path"] = random.Next(4) == 0 ? "/{broken" : "/{**rest}";
                break;
            case 7:
                settings["Server"] = new JsonObject { ["MaxRequestBodySize"] = random.Next(4) - 1 };
                break;
            case 8:
                route["Transforms"] = new JsonArray(new JsonObject { [random.Next(3) == 0 ? "Nonsense" : "PathPrefix"] = "/p" });
                break;
            default:
                settings["ProviderMapping"]!["Aliases"]![0]!["Use"] = random.Next(4) == 0 ? "" : $"m/{random.Next(3)}";
                break;
        }
    }

    private static JsonObject Rule(Dice random)
    {
        var rule = new JsonObject
        {
            ["Model"] = random.Next(8) == 0 ? "" : $"m{random.Next(5)}/*",
            ["Provider"] = random.Next(3) switch
            {
                0 => new JsonObject { ["sort"] = "price" },
                1 => new JsonObject { ["order"] = new JsonArray("A", $"P{random.Next(3)}") },
                _ => new JsonObject { ["zdr"] = random.Next(5) == 0 ? "yes" : true },
            },
        };
        if (random.Next(2) == 0)
        {
            rule["Name"] = $"name-{random.Next(6)}";
        }

        if (random.Next(10) == 0)
        {
            rule["Modle"] = "x";
        }

        return rule;
    }

    private sealed class Dice(ulong seed)
    {
        private readonly Prng _prng = new((seed * 0x9E37_79B9_7F4A_7C15) + 1);

        public int Next(int sides) => (int)((_prng.Next() >> 20) % (ulong)sides);
    }
}
