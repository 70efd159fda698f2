using System.Text.Json.Nodes;
using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.EndToEnd;

/// <summary>
/// Promise: who wins when the client sent <c>provider</c>: the client, member by member, or the rule, which may only narrow.
/// </summary>
public sealed class RuleModesTests : IClassFixture<RuleModesTests.Fixture>
{
    private const string Chat = "/v1/chat/completions";

    private readonly GatewayPair _pair;

    public RuleModesTests(Fixture fixture)
    {
        _pair = fixture.Pair;
    }

    public static TheoryData<string, string, string> Blocks() => new()
    {
        // KeepClient: any block of the client's stands as it is.
        { "keep", "{}", "{}" },
        { "keep", """{"zdr":true}""", """{"zdr":true}""" },
        { "keep", "null", """{"only":["mistral","azure"],"zdr":true}""" },

        // Fill: the client's members stay, missing ones come in.
        { "fill", """{"order":["x"]}""", """{"order":["x"],"only":["mistral","azure"],"zdr":true}""" },
        { "fill", """{"only":["openai"],"zdr":false}""", """{"only":["openai"],"zdr":false}""" },
        { "fill", """{"only":null}""", """{"only":["mistral","azure"],"zdr":true}""" },
        { "fill", "{}", """{"only":["mistral","azure"],"zdr":true}""" },

        // Enforce: only narrower. HARD stands for the three switches of the rule that can only harden.
        {
            "enforce",
            """{"only":["azure","openai"]}""",
            """{"only":["azure"],"ignore":["deepinfra"],HARD,"max_price":{"prompt":1.5}}"""
        },
        {
            "enforce",
            """{"only":["AZURE"]}""",
            """{"only":["AZURE"],"ignore":["deepinfra"],HARD,"max_price":{"prompt":1.5}}"""
        },
        {
            "enforce",
            """{"only":["azure/eu"],"ignore":["x"]}""",
            """{"only":["azure/eu"],"ignore":["x","deepinfra"],HARD,"max_price":{"prompt":1.5}}"""
        },
        {
            "enforce",
            """{"data_collection":"allow","zdr":false,"allow_fallbacks":true,"max_price":{"prompt":9,"completion":2}}""",
            """{"only":["mistral","azure"],"ignore":["deepinfra"],HARD,"max_price":{"prompt":1.5,"completion":2}}"""
        },
        {
            "enforce",
            """{"max_price":{"prompt":0.5}}""",
            """{"only":["mistral","azure"],"ignore":["deepinfra"],HARD,"max_price":{"prompt":0.5}}"""
        },
        {
            "enforce",
            """{"order":["openai","mistral"]}""",
            """{"order":["mistral"],"only":["mistral","azure"],"ignore":["deepinfra"],HARD,"max_price":{"prompt":1.5}}"""
        },
        {
            "enforce",
            """{"order":["openai"]}""",
            """{"only":["mistral","azure"],"ignore":["deepinfra"],HARD,"max_price":{"prompt":1.5}}"""
        },
        {
            "enforce",
            """{"require_parameters":true,"unheard_of":1}""",
            """{"require_parameters":true,"unheard_of":1,"only":["mistral","azure"],"ignore":["deepinfra"],HARD,"max_price":{"prompt":1.5}}"""
        },
    };

    [Theory]
    [MemberData(nameof(Blocks))]
    public async Task ClientsBlock_MeetsTheRule(string model, string provider, string expected)
    {
        var call = await _pair.PostAsync(Chat, $$"""{"model":"{{model}}","provider":{{provider}},"seed":1.0}""");

        Assert.Equal(200, call.Status);
        AssertSameBlock(expected.Replace("HARD", Fixture.Hard, StringComparison.Ordinal), call.ForwardedJson.GetProperty("provider").GetRawText());
        Assert.EndsWith("\"seed\":1.0}", call.Forwarded.BodyText, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"only":["openai"]}""")]
    [InlineData("""{"only":["mistralx"]}""")]
    [InlineData("""{"only":[]}""")]
    public async Task NothingLeftToAllow_Is403ThatNamesTheRule(string provider)
    {
        var call = await _pair.PostAsync(Chat, $$"""{"model":"enforce","provider":{{provider}}}""");

        call.IsRefused(403);
        Assert.Contains("strict", call.Json.GetProperty("error").GetProperty("message").GetString(), StringComparison.Ordinal);
        Assert.Null(call.Upstream);
    }

    [Theory]
    [InlineData("""{"model":"free","models":["enforce"]}""")]
    [InlineData("""{"model":"free","models":["other","ENFORCE"]}""")]
    [InlineData("""{"models":["free","enforce"]}""")]
    [InlineData("""{"model":"free","fallbacks":[{"model":"enforce"}]}""")]
    [InlineData("""{"model":"enforce","model":"free"}""")]
    [InlineData("""{"model":"enforce:nitro"}""")]
    [InlineData("""{"model":"~enforce"}""")]
    [InlineData("""{"model":"enforce@preset/x"}""")]
    [InlineData("""{"model":"enforce","preset":"x"}""")]
    [InlineData("""{"mo\u0064el":"enf\u006frce"}""")]
    public async Task EnforcedRule_IsNotDodgedBySpelling(string body)
    {
        var call = await _pair.PostAsync(Chat, body);

        Assert.Equal(200, call.Status);
        Assert.Equal("strict", call.Head.Header("x-gateway-rule"));
        Assert.True(call.ForwardedJson.GetProperty("provider").GetProperty("zdr").GetBoolean());
    }

    [Fact]
    public async Task EveryEnforcedRuleThatMatches_Applies()
    {
        var call = await _pair.PostAsync(Chat, """{"model":"twice"}""");

        AssertSameBlock("""{"only":["azure"],"zdr":true}""", call.ForwardedJson.GetProperty("provider").GetRawText());
        Assert.Contains("twice-a", call.Head.Header("x-gateway-rule"), StringComparison.Ordinal);
        Assert.Contains("twice-b", call.Head.Header("x-gateway-rule"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task EnforcedMemberThatImagesDoNotTake_Is403()
    {
        (await _pair.PostAsync("/v1/images", """{"model":"enforce","prompt":"x"}""")).IsRefused(403);
        Assert.Equal(200, (await _pair.PostAsync("/v1/images", """{"model":"images-ok","prompt":"x"}""")).Status);
    }

    [Fact]
    public async Task RouteThatSetsThePathOfImages_TakesTheirMembers()
    {
        (await _pair.PostAsync("/pictures", """{"model":"enforce","prompt":"x"}""")).IsRefused(403);
        Assert.Equal(
            """{"only":["openai"]}""",
            (await _pair.PostAsync("/pictures", """{"model":"images-ok","prompt":"x"}""")).ForwardedJson.GetProperty("provider").GetRawText());
    }

    [Fact]
    public async Task RefusalOnMessages_SpeaksItsDialect()
    {
        var call = await _pair.PostAsync("/v1/messages", """{"model":"enforce","provider":{"only":["openai"]}}""");

        call.IsRefusedInMessagesDialect(403);
        Assert.Equal("permission_error", call.Json.GetProperty("error").GetProperty("type").GetString());
    }

    [Fact]
    public async Task EveryMemberOfOpenRouters_IsWrittenAsGiven()
    {
        var call = await _pair.ChatAsync("all-members");

        AssertSameBlock(Fixture.AllMembers, call.ForwardedJson.GetProperty("provider").GetRawText());
    }

    private static void AssertSameBlock(string expected, string actual)
    {
        Assert.True(JsonNode.DeepEquals(Sorted(expected), Sorted(actual)), $"expected {expected}\n     got {actual}");
    }

    /// <summary>Lists whose order means nothing are compared without it.</summary>
    private static JsonNode Sorted(string json)
    {
        var node = JsonNode.Parse(json)!;
        foreach (var name in new[] { "only", "ignore", "quantizations" })
        {
            if (node[name] is JsonArray list)
            {
                node[name] = new JsonArray(
                    [.. list.Select(item => item!.GetValue<string>()).Order(StringComparer.Ordinal).Select(item => (JsonNode)item)]);
            }
        }

        return node;
    }

    public sealed class Fixture : GatewayFixture
    {
        internal const string Hard = "\"data_collection\":\"deny\",\"zdr\":true,\"allow_fallbacks\":false";

        internal const string AllMembers =
            """
            {"order":["Anthropic","google-vertex/us-east5"],"only":["a"],"ignore":["b"],"allow_fallbacks":false,"require_parameters":true,
             "data_collection":"deny","zdr":true,"enforce_distillable_text":true,"quantizations":["fp8","bf16"],
             "sort":{"by":"price","partition":"none"},"max_price":{"prompt":1,"completion":2.50,"request":0.1,"image":1,"audio":1},
             "preferred_min_throughput":{"p50":10,"p90":5},"preferred_max_latency":2.5,"member_of_tomorrow":{"x":[1]}}
            """;

        private protected override void Configure(GatewayHostOptions options)
        {
            options.Rules(
                $$"""
                [
                  { "Name": "k", "Model": "keep", "Provider": { "only": ["mistral", "azure"], "zdr": true } },
                  { "Name": "f", "Model": "fill", "WhenClientSetsProvider": "Fill", "Provider": { "only": ["mistral", "azure"], "zdr": true } },
                  { "Name": "strict", "Model": "enforce", "WhenClientSetsProvider": "Enforce", "ServerTools": ["preset:x"],
                    "Provider": { "only": ["mistral", "azure"], "ignore": ["deepinfra"], "data_collection": "deny", "zdr": true,
                                  "allow_fallbacks": false, "max_price": { "prompt": 1.5 } } },
                  { "Name": "twice-a", "Model": "twice", "WhenClientSetsProvider": "Enforce", "Provider": { "only": ["mistral", "azure"] } },
                  { "Name": "twice-b", "Model": "twi*", "WhenClientSetsProvider": "Enforce", "Provider": { "only": ["azure", "openai"], "zdr": true } },
                  { "Name": "i", "Model": "images-ok", "WhenClientSetsProvider": "Enforce", "Provider": { "only": ["openai"] } },
                  { "Name": "all", "Model": "all-members", "Provider": {{AllMembers}} }
                ]
                """);
            options.Settings = TeamSetup.WithRoutes(
                options.Settings,
                ("pictures",
                    """
                    { "ClusterId": "openrouter", "Match": { "Path": "/pictures" },
                      "Transforms": [ { "PathSet": "/images" }, { "ProviderMapping": "Default" } ] }
                    """));
        }
    }
}
