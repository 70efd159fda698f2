using Gateway.Billing;
using Gateway.Metering;
using Gateway.Primitives;

namespace Gateway.Admission;

/// <summary>What is known of the bill when a call is over.</summary>
/// <param name="State">Settled, provisional (upstream is to be asked) or unresolvable.</param>
/// <param name="Charge">What the budget is charged for now.</param>
internal readonly record struct SettlementDecision(GenerationState State, PicoDollars Charge)
{
    /// <summary>
    /// Decides by what was seen. Upstream's word goes before everything; without it, what cannot have been billed costs nothing, a
    /// generation with an id is asked for, and the rest stays charged at its reservation: unknown is never zero.
    /// </summary>
    /// <param name="reserved">What was set aside.</param>
    /// <param name="wasSent">Whether upstream can have seen any of the request.</param>
    /// <param name="status">The status of upstream's answer, or <see langword="null"/> when there was none.</param>
    /// <param name="generationId">Upstream's id, or <see langword="null"/>.</param>
    /// <param name="isStream">Whether the answer was an event stream.</param>
    /// <param name="facts">What was read from the answer.</param>
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

        // Upstream's own words for "no generation": a refusal, or an error in place of an answer, which it does not bill. An error page of
        // somebody between us and it says nothing about the generation behind it.
        var isRefusal = status is >= 400 and < 500 || (status is not null && !isStream && facts is { HasError: true, IsComplete: true });
        return isRefusal
            ? new SettlementDecision(GenerationState.Settled, PicoDollars.Zero)
            : new SettlementDecision(GenerationState.Unresolvable, reserved);
    }
}
