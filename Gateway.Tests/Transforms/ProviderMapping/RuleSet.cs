using System.Buffers;
using System.Text;
using System.Text.Json;
using Gateway.Tests.Support;
using OpenRouterGateway.Transforms.ProviderMapping;
using OpenRouterGateway.Transforms.ProviderMapping.Explaining;
using OpenRouterGateway.Transforms.RequestBody;
using Xunit;

namespace Gateway.Tests.Transforms.ProviderMapping;

/// <summary>Rules and aliases in a line each, and their result for a body.</summary>
internal static class RuleSet
{
    public static ProviderRule Rule(
        string models, string provider, WhenClientSetsProvider mode = WhenClientSetsProvider.KeepClient, string name = "rule")
    {
        var problems = new List<RuleProblem>();
        Assert.True(
            ProviderRule.TryCreate(name, models.Split(' '), Json(provider), mode, problems, out var rule),
            string.Join(Environment.NewLine, problems));
        return rule;
    }

    public static ProviderRule Fill(string models, string provider, string name = "rule") =>
        Rule(models, provider, WhenClientSetsProvider.Fill, name);

    public static ProviderRule Enforce(string models, string provider, string name = "rule") =>
        Rule(models, provider, WhenClientSetsProvider.Enforce, name);

    public static ModelAlias Alias(string model, string use, params string[] fallbacks)
    {
        var problems = new List<RuleProblem>();
        Assert.True(ModelAlias.TryCreate(model, use, fallbacks, problems, out var alias), string.Join(Environment.NewLine, problems));
        return alias;
    }

    public static ProviderMappingRules Set(params ProviderRule[] rules) => new(rules, []);

    public static ProviderMappingRules Aliases(params ModelAlias[] aliases) => new([], aliases);

    public static JsonElement Json(string json)
    {
        var options = new JsonDocumentOptions
        {
            MaxDepth = int.MaxValue,
            CommentHandling = JsonCommentHandling.Skip,
            AllowTrailingCommas = true,
        };
        return JsonElement.Parse(json, options);
    }

    public static Result Decide(this ProviderMappingRules rules, string body, RequestEndpoint endpoint = RequestEndpoint.Generation)
    {
        var bytes = Encoding.UTF8.GetBytes(body);
        var scanned = BodyScan.Facts(bytes);
        var facts = FactsFromJson.Read(bytes, scanned.ServerTools);
        AssertSame(facts, scanned);
        var decision = rules.Decide(facts, new ReadOnlySequence<byte>(bytes), endpoint);
        var explained = rules.Explain(facts, new ReadOnlySequence<byte>(bytes), endpoint);

        // An explanation that explains another decision than the one taken would be worse than none.
        Assert.Equal(decision.AppliedRules, explained.Decision.AppliedRules);
        Assert.Equal(decision.SentModel, explained.Decision.SentModel);
        Assert.Equal(decision.Rejection, explained.Decision.Rejection);
        var sent = FactsFromJson.Apply(bytes, decision.Edits);
        Assert.Equal(sent, FactsFromJson.Apply(bytes, explained.Decision.Edits));
        Assert.Equal(rules.Aliases.Count + rules.Rules.Count, explained.Steps.Count);
        return new Result(decision, Encoding.UTF8.GetString(sent), explained.Steps);
    }

    // The rules are tested on facts of a plain reader; this keeps them from being right about bodies that the scan sees otherwise.
    private static void AssertSame(BodyFacts expected, BodyFacts facts)
    {
        Assert.Equal(expected.Members, facts.Members);
        Assert.Equal(expected.Models, facts.Models);
        Assert.Equal((expected.Length, expected.InsertAt, expected.IsEmpty), (facts.Length, facts.InsertAt, facts.IsEmpty));
    }

    internal sealed record Result(ProviderMappingDecision Decision, string Body, IReadOnlyList<ExplainedStep> Steps)
    {
        public string? Applied => Decision.AppliedRules;

        public RequestRejection? Rejection => Decision.Rejection;

        public bool IsUntouched => Decision.Edits.Count == 0;
    }
}
