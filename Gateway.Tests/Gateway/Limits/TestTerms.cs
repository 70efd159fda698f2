using Gateway.Limits;
using Gateway.Primitives;
using Gateway.Teams;

namespace Gateway.Tests.Gateway.Limits;

/// <summary>What budgets count in tests: team <c>a</c> has a budget, unknown calls count for an hour.</summary>
internal static class TestTerms
{
    public static readonly TimeSpan Hold = TimeSpan.FromHours(1);

    public static BudgetTerms Create(TimeProvider time, TimeSpan? hold = null, bool includesByok = true) => new(
        team => team == "a" ? new TeamBudget(new PicoDollars(1), BudgetPeriod.Month) { IncludesByok = includesByok } : null,
        () => hold ?? Hold,
        time);
}
