using Gateway.Billing;
using Gateway.Primitives;

namespace Gateway.Metering;

/// <summary>The decision about the billing state and the charge of a call at its end.</summary>
/// <param name="State">Settled, provisional (upstream is asked for the bill) or unresolvable.</param>
/// <param name="Charge">The amount to charge to the budget now.</param>
internal readonly record struct SettlementDecision(GenerationState State, PicoDollars Charge)
{
    /// <summary>
    /// Decides by the observed facts. A cost in the response takes precedence. Without a cost, a call that cannot have been billed is
    /// charged nothing, a generation with an id is provisional, and every other call stays charged at its reservation: an unknown cost is
    /// never zero.
    /// </summary>
    /// <param name="reserved">The reserved amount.</param>
    /// <param name="wasSent">Whether upstream can have seen any byte of the request.</param>
    /// <param name="status">The status of upstream's response; <see langword="null"/> without a response.</param>
    /// <param name="generationId">Upstream's id of the generation; <see langword="null"/> if unknown.</param>
    /// <param name="isStream">Whether the response is an event stream.</param>
    /// <param name="facts">The facts read from the response.</param>
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

        // With a 4xx, or a JSON error as the whole body, OpenRouter states that there is no generation, and bills nothing. The error page
        // of an intermediary proves nothing about the generation.
        var isRefusal = status is >= 400 and < 500 || (status is not null && !isStream && facts is { HasError: true, IsComplete: true });
        return isRefusal
            ? new SettlementDecision(GenerationState.Settled, PicoDollars.Zero)
            : new SettlementDecision(GenerationState.Unresolvable, reserved);
    }
}
