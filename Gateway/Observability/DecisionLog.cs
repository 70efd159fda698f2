using System.Globalization;
using System.Text;
using Gateway.Requests;
using Gateway.Teams;
using OpenRouterGateway.Transforms.ProviderMapping;
using OpenRouterGateway.Transforms.ProviderMapping.Explaining;

namespace Gateway.Observability;

/// <summary>Logs the outcome of the rules and the edits of the body, at level Debug.</summary>
internal sealed class DecisionLog(ILogger<DecisionLog> logger) : IDecisionObserver
{
    private const int MostSteps = 10;
    private const int MostEdits = 10;
    private const int LongestStep = 200;

    /// <inheritdoc />
    public bool IsEnabled => logger.IsEnabled(LogLevel.Debug);

    /// <inheritdoc />
    public void Decided(HttpContext context, ProviderMappingExplanation explanation)
    {
        var request = GatewayContext.Of(context);
        PhaseLog.RulesTried(logger, StepsOf(explanation.Steps), request.RequestId);
        if (explanation.Decision.Rejection is null)
        {
            PhaseLog.BodyEdited(logger, EditsOf(explanation.Decision), request.RequestId);
        }
    }

    /// <summary>The steps that have an effect or would have one, and the first of the others, in the order of the set.</summary>
    internal static string StepsOf(IReadOnlyList<ExplainedStep> steps)
    {
        if (steps.Count == 0)
        {
            return "none";
        }

        var room = Math.Max(0, MostSteps - steps.Count(IsRelevant));
        var (text, written) = (new StringBuilder(), 0);
        foreach (var step in steps)
        {
            if (written == MostSteps || (!IsRelevant(step) && room-- <= 0))
            {
                continue;
            }

            text.Append(written++ == 0 ? "" : "; ").Append(step.IsAlias ? "alias " : "rule ").Append(step.Name).Append(": ");
            text.Append(step.Outcome).Append(" (").Append(Shorten(KeyText.Hide(step.Sentence.TrimEnd('.')))).Append(')');
        }

        return written == steps.Count
            ? text.ToString()
            : text.Append(CultureInfo.InvariantCulture, $"; and {steps.Count - written} more").ToString();
    }

    /// <summary>The places and sizes of the edits, never their bytes.</summary>
    internal static string EditsOf(ProviderMappingDecision decision)
    {
        var text = new StringBuilder();
        for (var i = 0; i < decision.Edits.Count && i < MostEdits; i++)
        {
            var edit = decision.Edits[i];
            text.Append(CultureInfo.InvariantCulture, $"{(i == 0 ? "" : "; ")}at {edit.Offset}, {edit.Remove} bytes become {edit.Insert.Length}");
        }

        return decision.Edits.Count == 0 ? "none"
            : decision.Edits.Count <= MostEdits ? text.ToString()
            : text.Append(CultureInfo.InvariantCulture, $"; and {decision.Edits.Count - MostEdits} more").ToString();
    }

    private static bool IsRelevant(ExplainedStep step) => step.Outcome is not (
        ExplainedOutcome.NotMatched or ExplainedOutcome.SkippedBecauseEarlierRuleMatched or ExplainedOutcome.NotReached);

    private static string Shorten(string sentence) =>
        sentence.Length <= LongestStep ? sentence : string.Concat(sentence.AsSpan(0, LongestStep), "…");
}
