using Gateway.Primitives;
using Gateway.Rules;
using Gateway.Secrets;
using OpenRouterGateway.Transforms.ProviderMapping;

namespace Gateway.Teams;

/// <summary>A team: who may call, with whose money, for which models, how much. Immutable; belongs to one settings snapshot.</summary>
internal sealed class Team
{
    /// <summary>The id that logs, metrics, limits, budgets and the ledger go by.</summary>
    public required string Id { get; init; }

    /// <summary>The keys that its clients call with.</summary>
    public required IReadOnlyList<TeamKey> Keys { get; init; }

    /// <summary>The OpenRouter key that its calls go upstream with.</summary>
    public required UpstreamKey UpstreamKey { get; init; }

    /// <summary>Which models it may use.</summary>
    public required ModelRights Rights { get; init; }

    /// <summary>Its limits.</summary>
    public required TeamLimits Limits { get; init; }

    /// <summary>Its budget, if it has one.</summary>
    public TeamBudget? Budget { get; init; }

    /// <summary>Its rules, then the global ones.</summary>
    public required ProviderMappingRules Rules { get; init; }

    /// <summary>The rules that are its own, as written and in order.</summary>
    public IReadOnlyList<RuleSummary> RuleSummaries { get; init; } = [];

    /// <summary>What stands in attribution headers where the client sends none.</summary>
    public Attribution Attribution { get; init; } = Attribution.None;

    /// <summary>Whether sticky routing is kept apart from other teams'.</summary>
    public bool ScopesSessions { get; init; }
}

/// <summary>Limits of a team or a key; <see langword="null"/> is no limit.</summary>
internal sealed record TeamLimits(int? RequestsPerMinute, int? TokensPerMinute, int? ConcurrentRequests)
{
    public static TeamLimits None { get; } = new(null, null, null);

    public bool IsNone => RequestsPerMinute is null && TokensPerMinute is null && ConcurrentRequests is null;
}

/// <summary>What a team may spend.</summary>
/// <param name="Limit">The amount of a period.</param>
/// <param name="Period">The period.</param>
internal sealed record TeamBudget(PicoDollars Limit, BudgetPeriod Period);

/// <summary>Attribution headers of OpenRouter: <c>HTTP-Referer</c> and <c>X-Title</c>.</summary>
internal sealed record Attribution(string? Referer, string? Title)
{
    public static Attribution None { get; } = new(null, null);

    public bool IsNone => Referer is null && Title is null;
}
