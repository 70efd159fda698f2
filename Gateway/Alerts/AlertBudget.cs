using Gateway.Primitives;

namespace Gateway.Alerts;

/// <summary>A budget in a period.</summary>
/// <param name="Period">The kind of period.</param>
/// <param name="Start">The start of the period; <see langword="null"/> for <see cref="BudgetPeriod.Total"/>.</param>
/// <param name="ResetsAt">The end of the period; <see langword="null"/> for <see cref="BudgetPeriod.Total"/>.</param>
/// <param name="Limit">The limit.</param>
/// <param name="Spent">The charges, without open reservations.</param>
internal sealed record AlertBudget(
    BudgetPeriod Period, DateTimeOffset? Start, DateTimeOffset? ResetsAt, PicoDollars Limit, PicoDollars Spent);
