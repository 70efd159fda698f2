using System.Text.Json;
using CsCheck;
using Gateway.Tests.Support;
using OpenRouterGateway.Transforms.ProviderMapping;
using OpenRouterGateway.Transforms.ProviderMapping.Blocks;
using Xunit;
using static Gateway.Tests.Transforms.ProviderMapping.RuleSet;

namespace Gateway.Tests.Transforms.ProviderMapping.Blocks;

/// <summary>
/// The algebra of Enforce against a model of it: a block stands for the set of concrete endpoints that it lets through. Preferences
/// (order, sort) only rank and are no part of the set. A block of a client, or one that is sent, has OpenRouter's meaning: an ignored provider
/// leaves its service tiers to the blocks that name them. A rule that ignores a provider means the tiers too.
/// </summary>
public class NarrowingPropertyTests
{
    private static readonly string[] Endpoints =
    [
        "deepinfra", "deepinfra/turbo", "deepinfra/fp8", "google-vertex", "google-vertex/us", "google-vertex/flex", "openai",
        "openai/priority",
    ];

    private static readonly Endpoint[] Universe =
    [
        .. from slug in Endpoints
           from quantization in (string[])["fp8", "bf16"]
           from isZdr in (bool[])[false, true]
           from trains in (bool[])[false, true]
           from price in (decimal[])[0.5m, 1m, 1.5m, 2m]
           select new Endpoint(slug, quantization, isZdr, trains, price),
    ];

    private static readonly Gen<string> Names = Gen.OneOf(
        "deepinfra", "DeepInfra", "deepinfra/turbo", "DeepInfra/FP8", "Google", "google-vertex", "google-vertex/us", "google-vertex/flex",
        "openai", "OpenAI/priority", "nobody");

    private static readonly Gen<string> Block = Members(
        Optional("only", List(Names)),
        Optional("ignore", List(Names)),
        Optional("order", List(Names)),
        Optional("quantizations", List(Gen.OneOf("fp8", "FP8", "bf16", "int4"))),
        Optional("zdr", Gen.OneOf("true", "false", "null")),
        Optional("require_parameters", Gen.OneOf("true", "false")),
        Optional("allow_fallbacks", Gen.OneOf("true", "false")),
        Optional("data_collection", Gen.OneOf("\"deny\"", "\"allow\"", "null")),
        Optional("max_price", Gen.OneOf(
            """{"prompt":1}""", """{"prompt":"1.50"}""", """{ "prompt" : 15e-1, "image":1}""", """{"completion":2}""", """{"prompt":2}""")),
        Optional("sort", Gen.OneOf("\"price\"", """{"by":"latency"}""")),
        Optional("unknown", Gen.OneOf("1", "[ ]")));

    // An unknown member is a fault in an Enforce rule, and so is a block that enforces nothing.
    private static readonly Gen<string> RuleBlock = Block.Where(block =>
        HasEffect(block) && !block.Contains("unknown", StringComparison.Ordinal));

    [Fact]
    public void Narrowing_GivesExactlyWhatAllAllow() => Gen.Select(Block, RuleBlock.Array[1, 3]).Sample(
        (client, blocks) =>
        {
            var result = Enforced(blocks).Decide(Body(client));
            var sent = Provider(result.Body);
            var expected = Allowed(client, blocks);
            var actual = result.Rejection is null ? Allowed(sent) : [];
            if (result.Rejection is null && !Has(sent, "only"))
            {
                // OpenRouter's own choice includes no service tier.
                expected.RemoveAll(IsOfATier);
                actual.RemoveAll(IsOfATier);
            }

            Assert.Equal(expected, actual);
            Assert.NotEqual(400, result.Rejection?.Status);
        },
        iter: TestEffort.Times(175));

    [Fact]
    public void Switches_OnlyHarden() => Gen.Select(Block, RuleBlock.Array[1, 3]).Sample(
        (client, blocks) =>
        {
            var result = Enforced(blocks).Decide(Body(client));
            if (result.Rejection is null)
            {
                string[] all = [client, .. blocks];
                Assert.Equal(all.Any(block => Is(block, "zdr", JsonValueKind.True)), Is(Provider(result.Body), "zdr", JsonValueKind.True));
                Assert.Equal(
                    all.Any(block => Is(block, "require_parameters", JsonValueKind.True)),
                    Is(Provider(result.Body), "require_parameters", JsonValueKind.True));
                Assert.Equal(
                    all.Any(block => Is(block, "allow_fallbacks", JsonValueKind.False)),
                    Is(Provider(result.Body), "allow_fallbacks", JsonValueKind.False));
            }
        },
        iter: TestEffort.Times(175));

    [Fact]
    public void Order_StaysWithinWhatIsAllowed() => Gen.Select(Block, RuleBlock.Array[1, 3]).Sample(
        (client, blocks) =>
        {
            var result = Enforced(blocks).Decide(Body(client));
            if (result.Rejection is null && blocks.Any(block => Has(block, "only") || Has(block, "ignore") || Has(block, "order")))
            {
                var provider = Provider(result.Body);
                foreach (var name in Strings(provider, "order") ?? [])
                {
                    Assert.True(Strings(provider, "only")?.Any(entry => ProviderNames.Covers(entry, name)) ?? true, name);
                    Assert.False(Strings(provider, "ignore")?.Any(entry => Denies(entry, name)) ?? false, name);
                }
            }
        },
        iter: TestEffort.Times(175));

    [Fact]
    public void ApplyingTwice_IsApplyingOnce() => Gen.Select(Block, RuleBlock.Array[1, 3], RuleBlock, Gen.Bool).Sample(
        (client, blocks, ordinary, fills) =>
        {
            // Not with a Fill that states an order: one cut to nothing is dropped, and Fill would then find it missing.
            var mode = fills && !Has(ordinary, "order") ? WhenClientSetsProvider.Fill : WhenClientSetsProvider.KeepClient;
            var rules = Set([Rule("*", ordinary, mode), .. Enforced(blocks).Rules]);
            foreach (var body in (string[])[Body(client), Body("null"), """{"model":"m"}"""])
            {
                var once = rules.Decide(body);
                var twice = rules.Decide(once.Body);
                Assert.Equal(once.Rejection?.Status, twice.Rejection?.Status);
                Assert.Equal(once.Body, twice.Body);
            }
        },
        iter: TestEffort.Times(175));

    [Fact]
    public void SequenceOfEnforceRules_DoesNotMatterForTheSet() => Gen.Select(Block, RuleBlock.Array[2, 4]).Sample(
        (client, blocks) =>
        {
            var forth = Enforced(blocks).Decide(Body(client));
            var back = Enforced([.. blocks.Reverse()]).Decide(Body(client));
            Assert.Equal(forth.Rejection?.Status, back.Rejection?.Status);
            if (forth.Rejection is null)
            {
                Assert.Equal(Allowed(Provider(forth.Body)), Allowed(Provider(back.Body)));
                Assert.Equal(Broadest(forth, "only"), Broadest(back, "only"));
                Assert.Equal(Broadest(forth, "ignore"), Broadest(back, "ignore"));
                Assert.Equal(Broadest(forth, "quantizations"), Broadest(back, "quantizations"));
            }
        },
        iter: TestEffort.Times(175));

    [Fact]
    public void RenderedFragment_EqualsComposing() => RuleBlock.Sample(
        block =>
        {
            var alone = Enforced([block]).Decide("""{"model":"m"}""");
            var composed = Enforced([block]).Decide("""{"model":"m","provider":{}}""");
            Assert.Equal(alone.Rejection?.Status, composed.Rejection?.Status);
            Assert.Equal(Provider(alone.Body), Provider(composed.Body));
        },
        iter: TestEffort.Times(175));

    private static ProviderMappingRules Enforced(string[] blocks) =>
        Set([.. blocks.Select((block, i) => Enforce("*", block, $"rule-{i}"))]);

    private static bool HasEffect(string block) => RuleSet.Json(block).EnumerateObject().Any(
        static member => member.Value.ValueKind != JsonValueKind.Null
            && (member.Name, member.Value.GetRawText()) is not (("zdr" or "require_parameters", "false")
                or ("allow_fallbacks", "true") or ("data_collection", "\"allow\"")));

    private static string Body(string provider) => $$"""{"model":"m","provider":{{provider}},"n":1}""";

    private static string Provider(string body) =>
        RuleSet.Json(body).TryGetProperty("provider", out var provider) && provider.ValueKind == JsonValueKind.Object
            ? provider.GetRawText()
            : "{}";

    private static bool IsOfATier(Endpoint endpoint) =>
        endpoint.Slug.EndsWith("/priority", StringComparison.Ordinal) || endpoint.Slug.EndsWith("/flex", StringComparison.Ordinal);

    private static bool Denies(string name, string slug) => slug == name || slug.StartsWith(name + "/", StringComparison.Ordinal);

    private static List<Endpoint> Allowed(string client, params string[] rules)
    {
        IEnumerable<Endpoint> allowed = Universe;
        foreach (var (block, isRule) in rules.Select(static rule => (rule, true)).Prepend((client, false)))
        {
            var only = Strings(block, "only");
            var ignore = Strings(block, "ignore");
            var quantizations = Strings(block, "quantizations");
            var needsZdr = Is(block, "zdr", JsonValueKind.True);
            var deniesTraining = RuleSet.Json(block).TryGetProperty("data_collection", out var collection) && collection.ToString() == "deny";
            var limit = MaxPrompt(block);
            allowed = allowed.Where(endpoint =>
                (only is null || only.Any(name => ProviderNames.Covers(name, endpoint.Slug)))
                && (ignore is null || !ignore.Any(name => isRule ? Denies(name, endpoint.Slug) : ProviderNames.Covers(name, endpoint.Slug)))
                && (quantizations is null || quantizations.Contains(endpoint.Quantization))
                && (endpoint.IsZdr || !needsZdr)
                && !(endpoint.Trains && deniesTraining)
                && (limit is null || endpoint.Price <= limit)).ToList();
        }

        return [.. allowed];
    }

    private static decimal? MaxPrompt(string block) =>
        RuleSet.Json(block).TryGetProperty("max_price", out var prices) && prices.TryGetProperty("prompt", out var prompt)
            ? decimal.Parse(prompt.ToString(), System.Globalization.NumberStyles.Float, System.Globalization.CultureInfo.InvariantCulture)
            : null;

    private static bool Is(string block, string name, JsonValueKind kind) =>
        RuleSet.Json(block).TryGetProperty(name, out var value) && value.ValueKind == kind;

    private static bool Has(string block, string name) => RuleSet.Json(block).TryGetProperty(name, out _);

    private static string[]? Strings(string block, string name) =>
        RuleSet.Json(block).TryGetProperty(name, out var list)
            ? [.. list.EnumerateArray().Select(entry => ProviderNames.Canonical(entry.GetString()!))]
            : null;

    // A list without the names that another one in it covers.
    private static HashSet<string> Broadest(Result result, string name)
    {
        var names = Strings(Provider(result.Body), name) ?? [];
        return [.. names.Where(narrow => !names.Any(broad => broad != narrow && ProviderNames.Covers(broad, narrow)))];
    }

    private static Gen<string> List(Gen<string> names) =>
        names.Array[1, 4].Select(list => $"[{string.Join(", ", list.Select(name => $"\"{name}\""))}]");

    private static Gen<string> Optional(string name, Gen<string> value) =>
        Gen.Select(Gen.Int[0, 2], value, (dice, json) => dice == 0 ? $"\"{name}\": {json}" : "");

    private static Gen<string> Members(params Gen<string>[] members) =>
        Gen.ShuffleSelect(members).Select(chosen => $"{{{string.Join(",", chosen.Where(member => member.Length > 0))}}}");

    private sealed record Endpoint(string Slug, string Quantization, bool IsZdr, bool Trains, decimal Price);
}
