using System.Runtime.CompilerServices;
using Gateway.Primitives;
using Gateway.Rules;
using Gateway.Secrets;
using OpenRouterGateway.Transforms.ProviderMapping;

namespace Gateway.Teams;

/// <summary>
/// A team: its keys, models, limits, budget and rules; or, as <see cref="As"/> returns it, the team as a request with one of its keys sees it.
/// Immutable; belongs to one settings snapshot. A record for its copies only: it compares by reference.
/// </summary>
internal sealed record Team
{
    private IReadOnlyList<ModelAlias>? _exactAliases;

    /// <summary>The id in logs, metrics, limits, budgets and the ledger.</summary>
    public required string Id { get; init; }

    /// <summary>The path of its settings, for reports: <c>Teams:0</c>, or the name of its file.</summary>
    public string Source { get; init; } = "";

    /// <summary>The keys that its clients send.</summary>
    public required IReadOnlyList<TeamKey> Keys { get; init; }

    /// <summary>The OpenRouter key that its requests carry upstream.</summary>
    public required UpstreamKey UpstreamKey { get; init; }

    public required ModelRights Rights { get; init; }

    /// <summary>Whether <see cref="Rights"/> include those of a key.</summary>
    public bool HasKeyRights { get; private init; }

    /// <summary>Its rights to server tools. Default: <see cref="ServerToolRights.Default"/>.</summary>
    public ServerToolRights ServerTools { get; init; } = ServerToolRights.Default;

    public required TeamLimits Limits { get; init; }

    /// <summary>Its budget; <see langword="null"/> for none.</summary>
    public TeamBudget? Budget { get; init; }

    /// <summary>The budget of the key, in the team as a key sees it; otherwise <see langword="null"/>.</summary>
    public TeamBudget? KeyBudget { get; private init; }

    /// <summary>Whether calls reserve an amount in a budget: that of the team or that of the key.</summary>
    public bool HasBudget => Budget is not null || KeyBudget is not null;

    /// <summary>Its budget and those of its keys, with the label of the key; <see langword="null"/> for the team's own.</summary>
    public IEnumerable<(string? KeyLabel, TeamBudget Budget)> Budgets
    {
        get
        {
            if (Budget is not null)
            {
                yield return (null, Budget);
            }

            foreach (var key in Keys)
            {
                if (key.Budget is not null)
                {
                    yield return (key.Label, key.Budget);
                }
            }
        }
    }

    /// <summary>Its own rules, followed by the global rules.</summary>
    public required ProviderMappingRules Rules { get; init; }

    /// <summary>Its aliases of a single name, without patterns; of several for one name the first. In order.</summary>
    public IReadOnlyList<ModelAlias> ExactAliases => _exactAliases ??=
    [
        .. Rules.Aliases
            .Where(static alias => !alias.Model.Contains('*', StringComparison.Ordinal))
            .DistinctBy(static alias => alias.Model, StringComparer.OrdinalIgnoreCase),
    ];

    /// <summary>Its own rules as written, in order.</summary>
    public IReadOnlyList<RuleSummary> RuleSummaries { get; init; } = [];

    /// <summary>The attribution headers for requests that have none.</summary>
    public Attribution Attribution { get; init; } = Attribution.None;

    /// <summary>Whether session ids are prefixed with the team, so that sticky routing separates it from other teams.</summary>
    public bool ScopesSessions { get; init; }

    /// <summary>The URL that alerts about its budget are posted to; <see langword="null"/> for the general one.</summary>
    public SecretText? AlertWebhook { get; init; }

    /// <summary>Whether the settings name such a URL. <c>check</c> need not resolve it.</summary>
    public bool HasAlertWebhook { get; init; }

    /// <summary>
    /// The team as a request with one of its keys sees it: with the models that both allow, and with the key's budget. Everything that
    /// judges a request reads the team, so nothing can leave out the key.
    /// </summary>
    public Team As(TeamKey key) => key.Rights.IsUnlimited && key.Budget is null
        ? this
        : this with { Rights = Rights.Narrow(key.Rights), HasKeyRights = !key.Rights.IsUnlimited, KeyBudget = key.Budget };

    /// <summary>One of its keys; <see langword="null"/> if there is none with this label.</summary>
    public TeamKey? KeyOf(string label)
    {
        for (var i = 0; i < Keys.Count; i++)
        {
            if (Keys[i].Label == label)
            {
                return Keys[i];
            }
        }

        return null;
    }

    /// <summary>Its own budget, or that of one of its keys; <see langword="null"/> for none, or for a key that is no longer there.</summary>
    /// <param name="keyLabel">The label of the key; <see langword="null"/> for the team's own budget.</param>
    public TeamBudget? BudgetOf(string? keyLabel) => keyLabel is null ? Budget : KeyOf(keyLabel)?.Budget;

    public bool Equals(Team? other) => ReferenceEquals(this, other);

    public override int GetHashCode() => RuntimeHelpers.GetHashCode(this);

    public override string ToString() => Id;
}

/// <summary>Limits of a team or a key; <see langword="null"/> means no limit.</summary>
internal sealed record TeamLimits(int? RequestsPerMinute, int? TokensPerMinute, int? ConcurrentRequests)
{
    public static TeamLimits None { get; } = new(null, null, null);

    public bool IsNone => RequestsPerMinute is null && TokensPerMinute is null && ConcurrentRequests is null;
}

/// <summary>The budget of a team or of a key.</summary>
/// <param name="Limit">The amount per period.</param>
/// <param name="Period">The period.</param>
internal sealed record TeamBudget(PicoDollars Limit, BudgetPeriod Period)
{
    /// <summary>Whether it counts the providers' own amounts (BYOK).</summary>
    public bool IncludesByok { get; init; } = true;

    /// <summary>The policy for requests that it does not cover.</summary>
    public ExceededPolicy WhenExceeded { get; init; }
}

/// <summary>Attribution headers of OpenRouter: <c>HTTP-Referer</c> and <c>X-Title</c>.</summary>
internal sealed record Attribution(string? Referer, string? Title)
{
    public static Attribution None { get; } = new(null, null);

    public bool IsNone => Referer is null && Title is null;
}
