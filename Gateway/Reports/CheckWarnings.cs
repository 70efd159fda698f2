using System.Net;
using Gateway.Configuration;
using Gateway.Configuration.Model;
using Gateway.Configuration.Reading;
using Gateway.Configuration.Schema;
using Gateway.Rules;
using OpenRouterGateway.Transforms.ProviderMapping;
using OpenRouterGateway.Transforms.ProviderMapping.Patterns;

namespace Gateway.Reports;

/// <summary>
/// Warnings about valid settings that <c>check</c> alone gives: they concern the settings as a whole, or cost too much for a reload.
/// </summary>
internal static class CheckWarnings
{
    private const int NamedTeams = 5;
    private const string AutoRouter = "openrouter/auto";

    // A character that no model name has: it stands for any run of characters.
    private const char AnyRun = '\u0001';

    /// <summary>Finds all warnings.</summary>
    public static IEnumerable<SettingsFault> Find(SettingsSnapshot snapshot) =>
    [
        .. ExposureGaps(snapshot),
        .. EnforcementGaps(snapshot.RuleSummaries, [], $"{SettingsSchema.ProviderMapping}:{nameof(ProviderMappingSettings.Rules)}"),
        .. snapshot.Teams.Teams.SelectMany(team => EnforcementGaps(
            team.RuleSummaries,
            snapshot.RuleSummaries,
            $"{team.Source}:{SettingsSchema.ProviderMapping}:{nameof(ProviderMappingSettings.Rules)}")).DistinctBy(warning => warning.Message),
        .. ShadowedRules(snapshot.RuleSummaries),

        // Teams may have the same rules from TeamDefaults.
        .. snapshot.Teams.Teams.SelectMany(team => ShadowedRules(team.RuleSummaries)).DistinctBy(warning => warning.Message),
        .. RouterGaps(snapshot).DistinctBy(warning => warning.Message),
        .. ForbiddenAliases(snapshot),
        .. KeyWarnings.Find(snapshot),
        .. BudgetWarnings.Find(snapshot),
        .. LedgerFolderCheck.Find(snapshot),
    ];

    /// <summary>Warnings about a listener that is open to more than its operator may think of.</summary>
    private static IEnumerable<SettingsFault> ExposureGaps(SettingsSnapshot snapshot)
    {
        var server = snapshot.Settings.Server;
        var address = IPAddress.Parse(server.Address);
        if (snapshot.Teams.IsEmpty && (address.Equals(IPAddress.Any) || address.Equals(IPAddress.IPv6Any)))
        {
            yield return new SettingsFault(
                $"{SettingsSchema.Server}:{nameof(ServerSettings.Address)}",
                $"{address} without teams serves everyone who reaches the port and has any OpenRouter key; configure teams, restrict the "
                    + "port, or listen on 127.0.0.1");
        }

        if (!snapshot.Teams.IsEmpty && !server.Https && !IPAddress.IsLoopback(address))
        {
            yield return new SettingsFault(
                $"{SettingsSchema.Server}:{nameof(ServerSettings.Https)}",
                $"is off: keys of teams reach {address} over plain HTTP; set Https, or terminate TLS on this machine and listen on 127.0.0.1");
        }
    }

    /// <summary>
    /// Warnings about kinds of requests that Enforce rules do not bind, although their list of rules has some. The rules of a team stand
    /// before the global ones, which bind its requests as well.
    /// </summary>
    internal static IEnumerable<SettingsFault> EnforcementGaps(IReadOnlyList<RuleSummary> rules, IReadOnlyList<RuleSummary> rest, string path)
    {
        if (!rules.Any(IsEnforced))
        {
            yield break;
        }

        var patterns = new PatternIndex(rules.Concat(rest).Where(IsEnforced).SelectMany(
            static (rule, i) => rule.Models.Select(model => (i, ModelPattern.Create(model, "", new List<RuleProblem>())!))));
        var unbound = new List<(string Requests, string Pattern)>();
        Find("presets", "@preset/*", $"@preset/{AnyRun}");
        Find(AutoRouter, AutoRouter, AutoRouter);
        Find("requests without a model", "*", $"{AnyRun}");
        if (unbound.Count > 0)
        {
            yield return new SettingsFault(
                path,
                $"{Enumerate(unbound)} get past your Enforce rules; add "
                    + $"{string.Join(", ", unbound.Select(kind => $"\"{kind.Pattern}\""))} to a rule's Model to bind them");
        }

        static bool IsEnforced(RuleSummary rule) => rule.Mode == WhenClientSetsProvider.Enforce;

        static string Enumerate(List<(string Requests, string Pattern)> kinds) => kinds.Count == 1
            ? kinds[0].Requests
            : $"{string.Join(", ", kinds.SkipLast(1).Select(kind => kind.Requests))} and {kinds[^1].Requests}";

        void Find(string requests, string pattern, string name)
        {
            if (patterns.FindFirst(name) == PatternIndex.None)
            {
                unbound.Add((requests, pattern));
            }
        }
    }

    /// <summary>
    /// Warnings about ordinary rules that never apply, because every model of theirs matches an earlier one: the first match applies. Enforce
    /// rules all apply. A team's rules precede the global ones on purpose, so each list is checked by itself.
    /// </summary>
    internal static IEnumerable<SettingsFault> ShadowedRules(IReadOnlyList<RuleSummary> rules)
    {
        RuleSummary[] ordinary = [.. rules.Where(rule => rule.Mode != WhenClientSetsProvider.Enforce)];
        var index = new PatternIndex(ordinary.SelectMany(
            static (rule, i) => rule.Models.Select(model => (i, ModelPattern.Create(model, "", new List<RuleProblem>())!))));
        for (var i = 0; i < ordinary.Length; i++)
        {
            // A pattern covers another one if it matches that one's text with each star replaced by a character that only a star can match.
            int[] first = [.. ordinary[i].Models.Select(model => index.FindFirst(model.Trim().Replace('*', AnyRun)))];
            if (first.All(earlier => earlier < i))
            {
                var names = first.Distinct().Order().Select(earlier => ordinary[earlier].Name).ToArray();
                yield return new SettingsFault(
                    ordinary[i].Source,
                    $"rule {ordinary[i].Name}: never applies, since its models are matched by the earlier "
                        + $"{(names.Length == 1 ? "rule" : "rules")} {string.Join(", ", names)}");
            }
        }
    }

    /// <summary>Warnings about deny-lists that leave a router open: it is judged by its own name, and may choose a denied model.</summary>
    private static IEnumerable<SettingsFault> RouterGaps(SettingsSnapshot snapshot) =>
        from team in snapshot.Teams.Teams
        where team.Rights.Denied.Count > 0 && team.Rights.Refuse([AutoRouter], []) is null
        select new SettingsFault(
            $"{team.Source}:{nameof(TeamSettings.DeniedModels)}",
            $"{AutoRouter} gets past it and may choose a denied model; add \"openrouter/*\" to close the routers");

    /// <summary>Warnings about aliases whose target or fallback is not allowed to a team: its calls of the alias are refused.</summary>
    private static IEnumerable<SettingsFault> ForbiddenAliases(SettingsSnapshot snapshot)
    {
        var global = snapshot.Rules.Aliases.ToHashSet(ReferenceEqualityComparer.Instance);
        var refused = new OrderedDictionary<(ModelAlias Alias, string Model), List<string>>();
        foreach (var team in snapshot.Teams.Teams)
        {
            if (team.Rights.IsUnlimited)
            {
                continue;
            }

            foreach (var alias in team.Rules.Aliases)
            {
                foreach (var model in alias.Fallbacks.Prepend(alias.Use).Where(model => team.Rights.Refuse([model], []) is not null))
                {
                    if (global.Contains(alias))
                    {
                        if (!refused.TryGetValue((alias, model), out var teams))
                        {
                            refused.Add((alias, model), teams = []);
                        }

                        teams.Add(team.Id);
                    }
                    else
                    {
                        yield return new SettingsFault(
                            $"{team.Source}:{nameof(TeamSettings.ProviderMapping)}:{nameof(ProviderMappingSettings.Aliases)}",
                            $"alias {alias.Model}: the team may not use {Describe(alias, model)}, so its calls of the alias are refused");
                    }
                }
            }
        }

        foreach (var ((alias, model), teams) in refused)
        {
            var names = string.Join(", ", teams.Take(NamedTeams)) + (teams.Count > NamedTeams ? $" and {teams.Count - NamedTeams} more" : "");
            yield return new SettingsFault(
                $"{SettingsSchema.ProviderMapping}:{nameof(ProviderMappingSettings.Aliases)}",
                $"alias {alias.Model}: {(teams.Count == 1 ? "team" : "teams")} {names} may not use {Describe(alias, model)}, so their calls of the alias are refused");
        }

        static string Describe(ModelAlias alias, string model) => (model == alias.Use ? "its target " : "its fallback ") + model;
    }
}
