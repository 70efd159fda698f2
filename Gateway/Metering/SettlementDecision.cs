using Gateway.Billing;
using Gateway.Primitives;

namespace Gateway.Metering;

/// <summary>The state and the charge of a call at its end.</summary>
/// <param name="State">Settled, provisional (upstream is asked for the bill) or unresolvable.</param>
/// <param name="Charge">The amount that the budget is charged with now.</param>
internal readonly record struct SettlementDecision(GenerationState State, PicoDollars Charge)
{
    /// <summary>
    /// Decides by the observed facts. A cost in the answer takes precedence. Without a cost, a call that cannot have been billed costs
    /// nothing, a generation with an id is provisional, and every other call stays charged at its reservation: unknown is never zero.
    /// </summary>
    /// <param name="reserved">The reserved amount.</param>
    /// <param name="wasSent">Whether upstream can have seen any byte of the request.</param>
    /// <param name="status">The status of upstream's answer, or <see langword="null"/> without an answer.</param>
    /// <param name="generationId">Upstream's generation id, or <see langword="null"/>.</param>
    /// <param name="isStream">Whether the answer is an event stream.</param>
    /// <param name="facts">The facts read from the answer.</param>
    public static SettlementDecision Of(
        PicoDollars reserved, bool wasSent, int? status, string? generationId, bool isStream, ResponseFacts facts)
    {
        if (facts.Usage?.Cost is { } cost)
        {
            return new SettlementDecision(GenerationState.Settled, cost);
        }

        if (!wasSent)
        {
            return new SettlementDecision(GenerationState.Settled, PicoDollars.Zero);
        }

        if (generationId is not null)
        {
            return new SettlementDecision(GenerationState.Provisional, reserved);
        }

        // A 4xx, or a JSON error in place of an answer, is OpenRouter's own statement that there is no generation; neither is billed. The
        // error page of an intermediary says nothing about the generation behind it.
        var isRefusal = status is >= 400 and < 500 || (status is not null && !isStream && facts is { HasError: true, IsComplete: true });
        return isRefusal
            ? new SettlementDecision(GenerationState.Settled, PicoDollars.Zero)
            : new SettlementDecision(GenerationState.Unresolvable, reserved);
    }
}
