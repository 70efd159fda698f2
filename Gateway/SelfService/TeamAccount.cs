using Gateway.Primitives;
using Gateway.Teams;

namespace Gateway.SelfService;

/// <summary>What a team has spent, and what its budget leaves, at one moment.</summary>
/// <param name="Ever">All charges of the team.</param>
/// <param name="Day">The charges of the current UTC day.</param>
/// <param name="Week">The charges of the current UTC week, from Monday.</param>
/// <param name="Month">The charges of the current UTC month.</param>
/// <param name="Budget">The team's budget; <see langword="null"/> for none.</param>
/// <param name="Charged">The charges of the budget's period, including open reservations.</param>
internal sealed record TeamAccount(
    TeamSpending Ever, TeamSpending Day, TeamSpending Week, TeamSpending Month, TeamBudget? Budget, PicoDollars Charged)
{
    /// <summary>The amount that may still be reserved; <see langword="null"/> without a budget.</summary>
    public PicoDollars? Left => Budget is null ? null : PicoDollars.Max(Budget.Limit - Charged, PicoDollars.Zero);
}

/// <summary>A team's charges since a time.</summary>
/// <param name="Charged">OpenRouter's amounts. A call whose bill is not known yet counts with the amount that is held for it.</param>
/// <param name="Byok">The providers' own amounts (BYOK).</param>
internal readonly record struct TeamSpending(PicoDollars Charged, PicoDollars Byok);
