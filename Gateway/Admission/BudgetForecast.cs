using Gateway.Billing;
using Gateway.Limits;
using Gateway.Teams;

namespace Gateway.Admission;

/// <summary>The level of a budget at the moment, without the request.</summary>
/// <param name="Budget">The budget, of the team or of the key.</param>
/// <param name="Period">Its current period.</param>
/// <param name="Level">The charged and the reserved amount, and whether the budget covers the request.</param>
internal sealed record BudgetForecast(TeamBudget Budget, BudgetKey Period, BudgetResult Level);
