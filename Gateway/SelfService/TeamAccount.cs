using Gateway.Primitives;
using Gateway.Teams;

namespace Gateway.SelfService;

/// <summary>
/// The spending of a team, or of one of its keys that has a budget of its own, and the rest of their budgets, at one moment.
/// </summary>
/// <param name="Ever">All charges.</param>
/// <param name="Day">The charges of the current UTC day.</param>
/// <param name="Week">The charges of the current UTC week, from Monday.</param>
/// <param name="Month">The charges of the current UTC month.</param>
/// <param name="Budget">The budget of the key, or else of the team; <see langword="null"/> for none.</param>
/// <param name="Left">The amount that both budgets leave; <see langword="null"/> without a budget.</param>
internal sealed record TeamAccount(
    TeamSpending Ever, TeamSpending Day, TeamSpending Week, TeamSpending Month, TeamBudget? Budget, PicoDollars? Left);

/// <summary>Charges since a time.</summary>
/// <param name="Charged">OpenRouter's amounts. A call whose bill is not known yet counts with the amount that is held for it.</param>
/// <param name="Byok">The providers' own amounts (BYOK).</param>
internal readonly record struct TeamSpending(PicoDollars Charged, PicoDollars Byok);
