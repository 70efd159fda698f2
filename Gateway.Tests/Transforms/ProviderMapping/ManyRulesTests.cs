using System.Buffers;
using CsCheck;
using Gateway.Tests.Support;
using OpenRouterGateway.Transforms.ProviderMapping;
using OpenRouterGateway.Transforms.ProviderMapping.Patterns;
using Xunit;
using static Gateway.Tests.Transforms.ProviderMapping.RuleSet;

namespace Gateway.Tests.Transforms.ProviderMapping;

/// <summary>Sets too large to be walked decide as the rules one by one would.</summary>
public class ManyRulesTests
{
    private static readonly Gen<string> Name = Gen.OneOf(
        "openai/gpt-4o", "openai/gpt-4o:free", "~OpenAI/GPT-4o", "meta/llama", "meta/llama:free", "x", " x ", "other", "a1", "A2:nitro");

    private static readonly Gen<string> Pattern = Gen.OneOf(
        "openai/*", "*:free", "*gpt*", "meta/llama", "x", "*", "a*", "*1", "o*r", "no/such-*", "*/none", "nobody", "*@preset/*", "m*l*a");

    private static readonly Gen<ProviderRule[]> Rules = Gen
        .Select(Pattern.Array[1, 3], Gen.Int[0, 3], (patterns, kind) => (Models: string.Join(' ', patterns), IsEnforced: kind == 0))
        .Array[20, 40]
        .Select(rules => rules
            .Select((rule, i) => rule.IsEnforced
                ? Enforce(rule.Models, """{"ignore":["p"]}""", $"rule-{i}")
                : Rule(rule.Models, """{"zdr":true}""", name: $"rule-{i}"))
            .ToArray());

    private static readonly Gen<ModelAlias[]> Aliases = Gen
        .Select(Gen.OneOf("x", "a*", "*llama", "b*"), Gen.OneOf("openai/gpt-4o", "meta/llama", "z"), (model, use) => Alias(model, use))
        .Array[0, 30];

    [Fact]
    public void LargeSet_AppliesWhatItsRulesOneByOneWould() =>
        Gen.Select(Rules, Aliases, Name).Sample(
            (rules, aliases, name) => AssertApplied(new ProviderMappingRules(rules, aliases), rules, aliases, name), iter: TestEffort.Times(250));

    [Fact]
    public void SetBeforeAnother_AppliesWhatBothInOneWould() =>
        Gen.Select(Rules, Aliases, Name, Gen.Int[0, 20]).Sample(
            (rules, aliases, name, own) =>
            {
                var ownAliases = Math.Min(own, aliases.Length);
                var set = new ProviderMappingRules(rules[own..], aliases[ownAliases..]).PrecededBy(rules[..own], aliases[..ownAliases]);
                Assert.Equal(rules, set.Rules);
                Assert.Equal(aliases, set.Aliases);
                AssertApplied(set, rules, aliases, name);
            },
            iter: TestEffort.Times(250));

    [Fact]
    public void SetBeforeAnother_SharesIt()
    {
        var shared = new ProviderMappingRules(
            [.. Enumerable.Range(0, 10_000).Select(i => Rule($"vendor-{i}/*", """{"zdr":true}""", name: $"rule-{i}"))], []);
        var own = new[] { Rule("own/*", """{"zdr":true}""", name: "own") };
        var set = shared;
        Assert.InRange(Allocations.Least(() => set = shared.PrecededBy(own, [])), 0, 16_000);
        Assert.Equal("rule-9999", set.Decide("""{"model":"vendor-9999/x"}""").Applied);
        Assert.Equal("own", set.Decide("""{"model":"own/x"}""").Applied);
    }

    [Fact]
    public void Decision_AllocatesAsLittleAsWithFewRules()
    {
        Assert.Equal(Allocated(10), Allocated(10_000));

        static long Allocated(int count)
        {
            var rules = new ProviderMappingRules(
                [.. Enumerable.Range(0, count).Select(i => Rule($"vendor-{i}/model*", """{"zdr":true}""", name: $"rule-{i}"))],
                [.. Enumerable.Range(0, count).Select(i => Alias($"alias-{i}", "vendor-9/model-1"))]);
            var body = FactsFromJson.Utf8("""{"model":"vendor-9/model-1","messages":[]}""");
            var facts = FactsFromJson.Read(body);
            var sequence = new ReadOnlySequence<byte>(body);
            return Allocations.Least(Decide);

            void Decide()
            {
                for (var i = 0; i < 100; i++)
                {
                    Assert.Equal("rule-9", rules.Decide(facts, sequence, RequestEndpoint.Generation).AppliedRules);
                }
            }
        }
    }

    private static void AssertApplied(ProviderMappingRules set, ProviderRule[] rules, ModelAlias[] aliases, string name)
    {
        var sent = aliases.FirstOrDefault(alias => alias.Pattern.IsMatch(name))?.Use ?? name;
        var ordinary = rules.FirstOrDefault(rule => !IsEnforced(rule) && Matches(rule, sent));
        var spellings = ModelSpellings.Of(sent);
        var applied = rules.Where(rule =>
            rule == ordinary || (IsEnforced(rule) && spellings.Any(spelling => Matches(rule, spelling))));
        var names = string.Join(", ", applied.Select(rule => rule.Name));
        var result = set.Decide($"{{\"model\":\"{name}\"}}");
        Assert.Equal(sent, result.Decision.SentModel);
        Assert.Equal(names.Length == 0 ? null : names, result.Applied);
    }

    private static bool IsEnforced(ProviderRule rule) => rule.Mode == WhenClientSetsProvider.Enforce;

    private static bool Matches(ProviderRule rule, string name) => rule.Patterns.Any(pattern => pattern.IsMatch(name));
}
