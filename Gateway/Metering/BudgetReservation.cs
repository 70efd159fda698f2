using Gateway.Billing;
using Gateway.Limits;
using Gateway.Primitives;

namespace Gateway.Metering;

/// <summary>The reservation of a call in one budget; the default if there is no budget. Mutable: a field of its call.</summary>
/// <param name="key">The period.</param>
/// <param name="includesByok">Whether the budget counts the provider's own amount.</param>
internal struct BudgetReservation(BudgetKey key, bool includesByok)
{
    public readonly BudgetKey Key => key;

    public readonly bool IncludesByok => includesByok;

    /// <summary>Whether the call has this budget.</summary>
    public readonly bool Exists => key.Team is not null;

    /// <summary>Whether the amount is reserved.</summary>
    public bool IsReserved { get; set; }

    /// <summary>Also set if the store failed after the reservation was sent, and may have reserved the amount all the same.</summary>
    public bool MayBeReserved { get; set; }

    /// <summary>Whether the store may have reserved the amount without its reply.</summary>
    public readonly bool IsUnknown => MayBeReserved && !IsReserved;

    /// <summary>Whether the budget's counter includes the reservation. Also true without a budget.</summary>
    public readonly bool IsCounted => IsReserved || !Exists;

    /// <summary>The charge in this budget; <see langword="null"/> without one.</summary>
    public readonly BudgetCharge? Charge(PicoDollars amount) => Exists ? new BudgetCharge(key, amount, IsReserved) : null;
}
