using Gateway.Observability;
using OpenRouterGateway.Transforms.ProviderMapping.Explaining;
using Xunit;

namespace Gateway.Tests.Gateway.Observability;

public sealed class DecisionLogTests
{
    [Fact]
    public void Steps_AreBounded_AndNameWhatMatched()
    {
        ExplainedStep[] steps =
        [
            .. Enumerable.Range(0, 5000).Select(i => new ExplainedStep(false, $"no-{i}", ExplainedOutcome.NotMatched, "No match.")),
            new(false, "first", ExplainedOutcome.Applied, "Matches."),
            new(false, "second", ExplainedOutcome.SkippedBecauseEarlierRuleMatched, "Not tried."),
            new(true, "third", ExplainedOutcome.Narrowed, new string('x', 5000)),
        ];

        var text = DecisionLog.StepsOf(steps);

        Assert.Equal("none", DecisionLog.StepsOf([]));
        Assert.StartsWith("rule no-0: NotMatched (No match); rule no-1", text, StringComparison.Ordinal);
        Assert.Contains("; rule first: Applied (Matches); alias third: Narrowed (xxx", text, StringComparison.Ordinal);
        Assert.DoesNotContain("no-8", text, StringComparison.Ordinal);
        Assert.EndsWith("…); and 4993 more", text, StringComparison.Ordinal);
        Assert.True(text.Length < 1000);
        var applied = Enumerable.Range(0, 40).Select(i => new ExplainedStep(false, $"r{i}", ExplainedOutcome.NothingToAdd, "Matches.")).ToArray();
        Assert.EndsWith("rule r9: NothingToAdd (Matches); and 30 more", DecisionLog.StepsOf(applied), StringComparison.Ordinal);
    }
}
