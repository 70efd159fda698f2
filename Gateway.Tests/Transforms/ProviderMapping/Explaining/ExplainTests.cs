using System.Buffers;
using Gateway.Tests.Support;
using OpenRouterGateway.Transforms.ProviderMapping;
using OpenRouterGateway.Transforms.ProviderMapping.Explaining;
using Xunit;
using static Gateway.Tests.Transforms.ProviderMapping.RuleSet;

namespace Gateway.Tests.Transforms.ProviderMapping.Explaining;

public class ExplainTests
{
    [Fact]
    public void Explanation_ListsAliasesThenRulesInOrder()
    {
        var rules = new ProviderMappingRules(
            [
                Rule("x", """{"zdr":true}""", name: "first"),
                Enforce("openai/*", """{"only":["a"]}""", "second"),
                Fill("openai/* meta/*", """{"sort":"price"}""", "third"),
                Rule("*", """{"zdr":true}""", name: "fourth"),
                Enforce("y", """{"zdr":true}""", "fifth"),
            ],
            [Alias("z", "w"), Alias("gpt", "openai/gpt")]);
        var steps = rules.Decide("""{"model":"gpt","provider":{"only":["a","b"]}}""").Steps;
        Assert.Equal(
            [
                "z NotMatched: No match: 'z' against 'gpt'.",
                "gpt Applied: 'gpt' is sent as 'openai/gpt'.",
                "first NotMatched: No match: 'x' against 'openai/gpt'.",
                "second Narrowed: Matches, and narrows 'only'.",
                "third Applied: Matches, and adds 'sort'.",
                "fourth SkippedBecauseEarlierRuleMatched: Not tried: rule 'third' matched first.",
                "fifth NotMatched: No match: 'y' against 'openai/gpt'.",
            ],
            steps.Select(step => $"{step.Name} {step.Outcome}: {step.Sentence}"));
        Assert.Equal([true, true, false, false, false, false, false], steps.Select(step => step.IsAlias));
        Assert.Equal(["only"], steps[3].Members);
        Assert.Equal(["sort"], steps[4].Members);
        Assert.Equal(["openai/*", "meta/*"], steps[4].Patterns);
    }

    [Fact]
    public void RequestWithoutAModel_IsCalledSo()
    {
        var step = Set(Rule("x", """{"zdr":true}""")).Decide("{}").Steps[0];
        Assert.Equal("No match: 'x' against a request without a model.", step.Sentence);
    }

    [Fact]
    public void EnforceRule_ShowsEverySpellingItJudged()
    {
        var step = Set(Enforce("x", """{"zdr":true}""")).Decide("""{"model":"~m:free"}""").Steps[0];
        Assert.Equal(["~m:free", "~m", "m:free", "m"], step.Names);
    }

    [Fact]
    public void AliasThatChangesNothing_SaysSo()
    {
        var aliases = Aliases(Alias("m", "m"), Alias("*", "x", "f"));
        var steps = aliases.Decide("""{"model":"m"}""").Steps;
        Assert.Equal(ExplainedOutcome.NothingToAdd, steps[0].Outcome);
        Assert.Equal(ExplainedOutcome.SkippedBecauseEarlierRuleMatched, steps[1].Outcome);
        Assert.Equal("m", steps[1].Earlier);
        Assert.Equal("The request names no model.", aliases.Decide("{}").Steps[0].Sentence);
        Assert.Equal(
            "'m' is already the model to send; 'f' are added as fallbacks.",
            Aliases(Alias("m", "m", "f")).Decide("""{"model":"m"}""").Steps[0].Sentence);
        Assert.Equal(
            "'m' is sent as 'x', with 'f' as fallbacks.",
            Aliases(Alias("m", "x", "f")).Decide("""{"model":"m"}""").Steps[0].Sentence);
    }

    [Fact]
    public void CommonCase_AllocatesTheDecisionAlone()
    {
        var rules = Set(Rule("other", """{"zdr":true}"""), Rule("*claude*", """{"order":["anthropic"]}"""));
        var body = FactsFromJson.Utf8("""{"model":"anthropic/claude-sonnet-4.5","messages":[]}""");
        var facts = FactsFromJson.Read(body);
        var sequence = new ReadOnlySequence<byte>(body);
        const int Times = 1000;
        Assert.InRange(Allocations.Least(Decide) / Times, 1, 256);

        void Decide()
        {
            for (var i = 0; i < Times; i++)
            {
                rules.Decide(facts, sequence, RequestEndpoint.Generation);
            }
        }
    }

    [Fact]
    public void SeveralSegments_AreOrdinaryInput()
    {
        var rules = Set(Enforce("*", """{"only":["a"]}"""));
        var body = FactsFromJson.Utf8("""{"model":"m","provider":{"only":["b","a"],"x":1}}""");
        for (var cut = 1; cut < body.Length; cut++)
        {
            var decision = rules.Decide(FactsFromJson.Read(body), Split(body, cut), RequestEndpoint.Generation);
            Assert.Equal(
                FactsFromJson.Utf8("""{"model":"m","provider":{"only":["a"],"x":1}}"""), FactsFromJson.Apply(body, decision.Edits));
        }
    }

    private static ReadOnlySequence<byte> Split(byte[] body, int cut)
    {
        var first = new Segment(body.AsMemory(0, cut), 0);
        var second = new Segment(body.AsMemory(cut), cut);
        first.Append(second);
        return new ReadOnlySequence<byte>(first, 0, second, body.Length - cut);
    }

    private sealed class Segment : ReadOnlySequenceSegment<byte>
    {
        public Segment(ReadOnlyMemory<byte> memory, long start)
        {
            Memory = memory;
            RunningIndex = start;
        }

        public void Append(Segment next) => Next = next;
    }
}
