using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Gateway.Configuration;
using Gateway.Configuration.Model;
using Gateway.Configuration.Reading;
using Gateway.Configuration.ReverseProxy;
using Gateway.Primitives;
using Gateway.Rules;
using Gateway.Teams;
using Yarp.ReverseProxy.Configuration;

namespace Gateway.Reports;

/// <summary>The output of <c>check</c>: the effective settings, and warnings, as text or JSON.</summary>
internal static class CheckReport
{
    private static readonly JsonSerializerOptions Relaxed = new(CheckJsonContext.Default.Options)
    {
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        TypeInfoResolver = CheckJsonContext.Default,
    };

    /// <summary>Collects the report about valid settings.</summary>
    public static CheckDocument Create(SettingsSnapshot snapshot, SettingsSources sources, SettingsFiles files)
    {
        var server = snapshot.Settings.Server;
        var teams = snapshot.Teams.Teams;
        return new CheckDocument
        {
            Faults = [],
            Warnings = [.. snapshot.Warnings, .. CheckWarnings.Find(snapshot)],
            Meaning = new CheckedSettings
            {
                Version = snapshot.Version,
                Environment = sources.EnvironmentName,
                Files = [.. ((FileContent[])[files.Main, files.Overlay, files.DotEnv]).Where(file => file.Bytes is not null).Select(file => file.Path)],
                Overrides = [.. snapshot.Overrides.Select(one => new CheckedOverride(one.Path, one.Source))],
                Listens = $"{(server.Https ? "https" : "http")}://{new IPEndPoint(IPAddress.Parse(server.Address), server.Port)}",
                Certificate = server.Https ? server.CertPath : null,
                Key = server.Https ? server.KeyPath : null,
                Clusters =
                [
                    .. snapshot.Clusters.Select(cluster => new CheckedCluster(
                        cluster.ClusterId, [.. cluster.Destinations!.Values.Select(destination => destination.Address)])),
                ],
                Routes = [.. snapshot.Routes.Select(Describe)],
                Rules = [.. snapshot.RuleSummaries.Select(Describe)],
                Aliases = [.. snapshot.Rules.Aliases.Select(alias => new CheckedAlias(alias.Model, alias.Use, alias.Fallbacks))],
                Teams = [.. teams.Select(TeamDescription.Of)],
                DefaultServerTools = teams.Any(team => team.ServerTools.Allowed is null) ? ServerToolRights.DefaultPatterns : null,
                Ledger = snapshot.Teams.IsEmpty ? null : LedgerOf(snapshot.Settings.Usage),
                Alerts = AlertsOf(snapshot.Settings.Alerts, teams),
                Upgrading = UpgradeNotes.Find(new StatedSettings(snapshot, sources, files)),
            },
        };
    }

    /// <summary>Writes the report about valid settings as text, warnings last.</summary>
    public static string Write(SettingsSnapshot snapshot, SettingsSources sources, SettingsFiles files) =>
        ToText(Create(snapshot, sources, files));

    /// <summary>The report as JSON. Control characters are escaped, also those that terminals interpret.</summary>
    public static string ToJson(CheckDocument document) =>
        TerminalText.EscapeLines(JsonSerializer.Serialize(document, Relaxed.GetTypeInfo(typeof(CheckDocument)))) + Environment.NewLine;

    /// <summary>The report about valid settings as text.</summary>
    public static string ToText(CheckDocument document)
    {
        var meaning = document.Meaning!;
        var text = new StringBuilder();
        Line($"settings {meaning.Version}, environment {meaning.Environment}");
        Line($"  from {string.Join(", ", meaning.Files)}");
        foreach (var (path, source) in meaning.Overrides)
        {
            Line($"  {path} from {source}");
        }

        Line($"listens on {meaning.Listens}");
        if (meaning.Certificate is not null)
        {
            Line($"  certificate {meaning.Certificate}, key {meaning.Key}");
        }

        foreach (var cluster in meaning.Clusters)
        {
            Line($"cluster {cluster.Name}: {string.Join(", ", cluster.Destinations)}");
        }

        WriteRoutes("rewritten routes", isRewritten: true);
        WriteRoutes("other routes", isRewritten: false);
        Line($"rules, in the order in which they are tried: {meaning.Rules.Count}");
        foreach (var rule in meaning.Rules)
        {
            Line($"  {rule.Name} ({rule.Mode}, from {rule.Source})");
            Line($"    models   {string.Join(", ", rule.Models)}");
            Line($"    provider {rule.Provider.GetRawText()}");
            if (rule.ServerTools is { } tools)
            {
                Line($"    tools    {(tools.Count == 0 ? "no server tool is open" : string.Join(", ", tools))}");
            }
        }

        Line($"aliases: {meaning.Aliases.Count}");
        foreach (var alias in meaning.Aliases)
        {
            Line($"  {alias.Model} -> {alias.Use}{(alias.Fallbacks.Count == 0 ? "" : $", else {string.Join(", ", alias.Fallbacks)}")}");
        }

        Line($"teams: {meaning.Teams.Count}");
        if (meaning.DefaultServerTools is { } open)
        {
            Line($"server tools open by default: {string.Join(", ", open)}");
        }

        foreach (var team in meaning.Teams)
        {
            Line($"  {team.Id}: {TeamDescription.ToText(team)}");
        }

        if (meaning.Ledger is { } ledger)
        {
            Line($"ledger: {ledger}");
        }

        if (meaning.Alerts is { } alerts)
        {
            var thresholds = string.Join(", ", alerts.BudgetThresholds.Select(threshold => $"{(threshold * 100).ToString("0.##", CultureInfo.InvariantCulture)} %"));
            Line($"alerts: {alerts.Format}, {(alerts.IsSigned ? "signed" : "not signed")}, to {alerts.Webhook ?? "webhooks of teams only"}");
            Line($"  budget thresholds: {(thresholds.Length == 0 ? "none" : thresholds)}");
            if (alerts.Teams.Count > 0)
            {
                Line($"  teams with a webhook of their own: {string.Join(", ", alerts.Teams)}");
            }
        }

        if (meaning.Upgrading.Count > 0)
        {
            Line($"new since {UpgradeNotes.PreviousVersion}, and not decided by these settings (CHANGELOG.md, Upgrading):");
            Line($"  {string.Join(", ", meaning.Upgrading.Select(note => note.Setting).Distinct())}");
        }

        foreach (var warning in document.Warnings)
        {
            Line($"warning: {warning}");
        }

        return text.ToString();

        void Line(FormattableString line) => text.AppendLine(TerminalText.Escape(line.ToString(CultureInfo.InvariantCulture)));

        void WriteRoutes(string title, bool isRewritten)
        {
            var routes = meaning.Routes.Where(route => route.IsRewritten == isRewritten).ToArray();
            Line($"{title}: {routes.Length}");
            foreach (var route in routes)
            {
                Line($"  {(route.Methods.Count > 0 ? string.Join('|', route.Methods) : "any")} {route.Path} -> {route.Cluster} ({route.Name})");
            }
        }
    }

    private static CheckedRoute Describe(RouteConfig route) => new(
        route.RouteId, route.Match.Methods ?? [], route.Match.Path ?? "/{**any}", route.ClusterId, RewrittenRoutes.IsRewritten(route));

    private static CheckedRule Describe(RuleSummary rule)
    {
        using var block = JsonDocument.Parse(rule.Block);
        return new CheckedRule(rule.Name, rule.Mode.ToString(), rule.Source, rule.Models, block.RootElement.Clone(), rule.ServerTools);
    }

    // The settings, not the secrets: check need not resolve them.
    private static CheckedAlerts? AlertsOf(AlertsSettings alerts, IReadOnlyList<Team> teams)
    {
        string[] own = [.. teams.Where(team => team.HasAlertWebhook).Select(team => team.Id)];
        return alerts.Webhook.Length == 0 && own.Length == 0
            ? null
            : new CheckedAlerts(
                alerts.Webhook.Length == 0 ? null : alerts.Webhook, own, alerts.Format.ToString(), alerts.BudgetThresholds, alerts.Secret.Length > 0);
    }

    private static string LedgerOf(UsageSettings usage) => usage.Store == UsageStore.Postgres
        ? "PostgreSQL"
        : $"{usage.Sqlite.Path}{(File.Exists(usage.Sqlite.Path) ? "" : ", which does not exist yet")}";
}
