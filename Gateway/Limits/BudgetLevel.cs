using Gateway.Primitives;

namespace Gateway.Limits;

/// <summary>The level of the budget of a team or of one of its keys.</summary>
/// <param name="Team">The id of the team.</param>
/// <param name="KeyLabel">The label of the key; <see langword="null"/> for the team's budget.</param>
/// <param name="Limit">The amount per period.</param>
/// <param name="Spent">The charges of the current period, without open reservations.</param>
/// <param name="Reserved">The open reservations.</param>
internal readonly record struct BudgetLevel(string Team, string? KeyLabel, PicoDollars Limit, PicoDollars Spent, PicoDollars Reserved);
