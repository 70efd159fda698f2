using Gateway.Primitives;

namespace Gateway.Limits;

/// <summary>The level of a team's budget.</summary>
/// <param name="Team">The id of the team.</param>
/// <param name="Limit">The amount per period.</param>
/// <param name="Spent">The charges of the current period, without open reservations.</param>
/// <param name="Reserved">The open reservations.</param>
internal readonly record struct BudgetLevel(string Team, PicoDollars Limit, PicoDollars Spent, PicoDollars Reserved);
