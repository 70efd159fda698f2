using System.Text.Json;
using Gateway.Configuration.Reading;

namespace Gateway.Reports;

/// <summary>
/// The result of <c>check</c>: the effective settings, faults and warnings. <see cref="CheckReport"/> prints it as text, and
/// <c>check --json</c> serialises it. Contains no secret.
/// </summary>
internal sealed record CheckDocument
{
    /// <summary>The faults. With a fault there is no <see cref="Meaning"/>.</summary>
    public required IReadOnlyList<SettingsFault> Faults { get; init; }

    /// <summary>The warnings.</summary>
    public required IReadOnlyList<SettingsFault> Warnings { get; init; }

    /// <summary>The effective settings; <see langword="null"/> after a fault.</summary>
    public CheckedSettings? Meaning { get; init; }
}

/// <summary>The effective settings.</summary>
internal sealed record CheckedSettings
{
    /// <summary>The version of the settings, as in the log and on the health page.</summary>
    public required string Version { get; init; }

    public required string Environment { get; init; }

    /// <summary>The files that were read.</summary>
    public required IReadOnlyList<string> Files { get; init; }

    /// <summary>The settings that the overlay, a variable or a flag has set.</summary>
    public required IReadOnlyList<CheckedOverride> Overrides { get; init; }

    /// <summary>The listening address, with scheme and port.</summary>
    public required string Listens { get; init; }

    /// <summary>The PEM file of the certificate; <see langword="null"/> without HTTPS.</summary>
    public string? Certificate { get; init; }

    /// <summary>The PEM file of the private key; <see langword="null"/> without HTTPS.</summary>
    public string? Key { get; init; }

    public required IReadOnlyList<CheckedCluster> Clusters { get; init; }

    public required IReadOnlyList<CheckedRoute> Routes { get; init; }

    /// <summary>The rules, in the order in which they are tried.</summary>
    public required IReadOnlyList<CheckedRule> Rules { get; init; }

    public required IReadOnlyList<CheckedAlias> Aliases { get; init; }

    public required IReadOnlyList<CheckedTeam> Teams { get; init; }

    /// <summary>The server tools that are open by default; <see langword="null"/> if no team uses the default.</summary>
    public IReadOnlyList<string>? DefaultServerTools { get; init; }

    /// <summary>Where the ledger is kept; <see langword="null"/> without teams, which have none.</summary>
    public string? Ledger { get; init; }

    /// <summary>Where alerts go; <see langword="null"/> without a webhook.</summary>
    public CheckedAlerts? Alerts { get; init; }

    /// <summary>The changes since the previous version that concern these settings.</summary>
    public required IReadOnlyList<CheckedUpgrade> Upgrading { get; init; }
}

/// <summary>A change since the previous version, as in the table "Upgrading" of CHANGELOG.md.</summary>
/// <param name="Setting">The setting or variable that decides about it and is not stated.</param>
/// <param name="Was">The behaviour of the previous version.</param>
/// <param name="Is">The behaviour of this version.</param>
/// <param name="Back">The line that brings the previous behaviour back.</param>
internal sealed record CheckedUpgrade(string Setting, string Was, string Is, string Back);

/// <summary>The alerts.</summary>
/// <param name="Webhook">The reference of the general webhook; <see langword="null"/> if there are those of teams only.</param>
/// <param name="Teams">The teams with a webhook of their own.</param>
/// <param name="Format">The format of the body.</param>
/// <param name="BudgetThresholds">The fractions of a budget.</param>
/// <param name="IsSigned">Whether bodies are signed.</param>
internal sealed record CheckedAlerts(
    string? Webhook, IReadOnlyList<string> Teams, string Format, IReadOnlyList<decimal> BudgetThresholds, bool IsSigned);

/// <summary>A setting from outside the settings file, without its value.</summary>
internal sealed record CheckedOverride(string Path, string Source);

/// <summary>A cluster with the addresses of its destinations.</summary>
internal sealed record CheckedCluster(string Name, IReadOnlyList<string> Destinations);

/// <summary>A route. Without methods it matches all of them.</summary>
internal sealed record CheckedRoute(string Name, IReadOnlyList<string> Methods, string Path, string? Cluster, bool IsRewritten);

/// <summary>A rule. Without <paramref name="ServerTools"/> it closes none.</summary>
internal sealed record CheckedRule(
    string Name, string Mode, string Source, IReadOnlyList<string> Models, JsonElement Provider, IReadOnlyList<string>? ServerTools);

/// <summary>An alias.</summary>
internal sealed record CheckedAlias(string Model, string Use, IReadOnlyList<string> Fallbacks);

/// <summary>A team.</summary>
internal sealed record CheckedTeam(string Id, IReadOnlyList<string> Keys, string Models, string ServerTools, string Limits, string Budget, int OwnRules);
