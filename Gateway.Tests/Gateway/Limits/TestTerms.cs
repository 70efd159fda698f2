using Gateway.Limits;
using Gateway.Primitives;
using Gateway.Secrets;
using Gateway.Teams;
using OpenRouterGateway.Transforms.ProviderMapping;

namespace Gateway.Tests.Gateway.Limits;

/// <summary>The terms of budgets in tests: team <c>a</c> has a budget, and unknown calls count for an hour.</summary>
internal static class TestTerms
{
    public static readonly TimeSpan Hold = TimeSpan.FromHours(1);

    public static BudgetTerms Create(TimeProvider time, TimeSpan? hold = null, bool includesByok = true) => new(
        team => team == "a" ? TeamWith(new TeamBudget(new PicoDollars(1), BudgetPeriod.Month) { IncludesByok = includesByok }) : null,
        () => hold ?? Hold,
        time);

    /// <summary>A team with a budget, and with keys that have one.</summary>
    public static Team TeamWith(TeamBudget? budget, params (string Label, TeamBudget Budget)[] keys) => new()
    {
        Id = "a",
        Keys = [.. keys.Select(key => new TeamKey { Label = key.Label, Hash = default, Budget = key.Budget })],
        UpstreamKey = new UpstreamKey("key"),
        Rights = ModelRights.All,
        Limits = TeamLimits.None,
        Budget = budget,
        Rules = ProviderMappingRules.Empty,
    };
}
