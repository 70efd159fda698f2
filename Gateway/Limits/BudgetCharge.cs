using Gateway.Billing;
using Gateway.Primitives;

namespace Gateway.Limits;

/// <summary>The charge of a call in one budget.</summary>
/// <param name="Key">The period.</param>
/// <param name="Amount">The charge.</param>
/// <param name="IsCounted">Whether the reservation was granted.</param>
internal readonly record struct BudgetCharge(BudgetKey Key, PicoDollars Amount, bool IsCounted);
