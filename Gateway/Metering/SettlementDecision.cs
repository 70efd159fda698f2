using Gateway.Billing;
using Gateway.Primitives;

namespace Gateway.Metering;

/// <summary>The decision about the billing state and the charge of a call at its end.</summary>
/// <param name="State">Settled, provisional (upstream is asked for the bill) or unresolvable.</param>
/// <param name="Charge">
/// The amount that the budget counts from now on: the bill, or the amount held until the bill is known.
/// </param>
internal readonly record struct SettlementDecision(GenerationState State, PicoDollars Charge)
{
    /// <summary>
    /// Decides by the outcome. The first rule that fits applies: a request that upstream has not processed costs nothing; a complete
    /// response with a cost costs that; a generation with an id is asked for; a response that proves that nothing was generated costs
    /// nothing; everything else is unknown. An unknown cost is never zero by itself.
    /// </summary>
    /// <param name="reserved">The reserved amount.</param>
    /// <param name="includesByok">Whether the budget counts the provider's own amounts.</param>
    /// <param name="outcome">The outcome of the call.</param>
    public static SettlementDecision Of(PicoDollars reserved, bool includesByok, in CallOutcome outcome)
    {
        if (!outcome.WasSent)
        {
            return new SettlementDecision(GenerationState.Settled, PicoDollars.Zero);
        }

        if (outcome.Bill is { } bill)
        {
            return new SettlementDecision(GenerationState.Settled, bill.Charge(includesByok));
        }

        if (outcome.IsNamed)
        {
            // A budget must not be blocked by refusals, of which a client may collect many in a short time.
            return new SettlementDecision(GenerationState.Provisional, outcome.IsRefusal ? PicoDollars.Zero : reserved);
        }

        return outcome.IsFree
            ? new SettlementDecision(GenerationState.Settled, PicoDollars.Zero)
            : new SettlementDecision(GenerationState.Unresolvable, reserved);
    }
}
