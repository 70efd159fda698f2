using System.Globalization;
using System.Net;
using System.Text;
using Gateway.Configuration;
using Gateway.Configuration.Model;
using Gateway.Configuration.Reading;
using Gateway.Configuration.ReverseProxy;
using Gateway.Configuration.Schema;
using Gateway.Primitives;
using Gateway.Teams;
using OpenRouterGateway.Transforms.ProviderMapping;
using Yarp.ReverseProxy.Configuration;

namespace Gateway.Reports;

/// <summary>The output of <c>check</c>: the effective settings, and warnings.</summary>
internal static class CheckReport
{
    /// <summary>Writes the report, warnings last.</summary>
    public static string Write(SettingsSnapshot snapshot, SettingsSources sources, SettingsFiles files)
    {
        var text = new StringBuilder();
        Line($"settings {snapshot.Version}, environment {sources.EnvironmentName}");
        Line($"  from {string.Join(", ", Files(files))}");

        foreach (var (path, source) in snapshot.Overrides)
        {
            Line($"  {path} from {source}");
        }

        var server = snapshot.Settings.Server;
        var address = new IPEndPoint(IPAddress.Parse(server.Address), server.Port);
        Line($"listens on {(server.Https ? "https" : "http")}://{address}");
        if (server.Https)
        {
            Line($"  certificate {server.CertPath}, key {server.KeyPath}");
        }

        foreach (var cluster in snapshot.Clusters)
        {
            var destinations = cluster.Destinations!.Values.Select(destination => destination.Address);
            Line($"cluster {cluster.ClusterId}: {string.Join(", ", destinations)}");
        }

        Line($"rewritten routes: {Count(snapshot.Routes, isRewritten: true)}");
        WriteRoutes(isRewritten: true);
        Line($"other routes: {Count(snapshot.Routes, isRewritten: false)}");
        WriteRoutes(isRewritten: false);

        Line($"rules, in the order in which they are tried: {snapshot.RuleSummaries.Count}");
        foreach (var rule in snapshot.RuleSummaries)
        {
            Line($"  {rule.Name} ({rule.Mode}, from {rule.Source})");
            Line($"    models   {string.Join(", ", rule.Models)}");
            Line($"    provider {rule.Block}");
            if (rule.ServerTools is { } tools)
            {
                Line($"    tools    {(tools.Count == 0 ? "no server tool is open" : string.Join(", ", tools))}");
            }
        }

        Line($"aliases: {snapshot.Rules.Aliases.Count}");
        foreach (var alias in snapshot.Rules.Aliases)
        {
            Line($"  {alias.Model} -> {alias.Use}{(alias.Fallbacks.Count == 0 ? "" : $", else {string.Join(", ", alias.Fallbacks)}")}");
        }

        Line($"teams: {snapshot.Teams.Teams.Count}");
        if (snapshot.Teams.Teams.Any(team => team.ServerTools.Allowed is null))
        {
            Line($"server tools open by default: {string.Join(", ", ServerToolRights.DefaultPatterns)}");
        }

        foreach (var team in snapshot.Teams.Teams)
        {
            Line($"  {team.Id}: {TeamDescription.Of(team)}");
        }

        foreach (var warning in snapshot.Warnings.Concat(ExposureGaps(snapshot)).Concat(EnforcementGaps(snapshot)))
        {
            Line($"warning: {warning}");
        }

        return text.ToString();

        void Line(FormattableString line) => text.AppendLine(TerminalText.Escape(line.ToString(CultureInfo.InvariantCulture)));

        void WriteRoutes(bool isRewritten)
        {
            foreach (var route in snapshot.Routes.Where(route => RewrittenRoutes.IsRewritten(route) == isRewritten))
            {
                var methods = route.Match.Methods is { Count: > 0 } given ? string.Join('|', given) : "any";
                Line($"  {methods} {route.Match.Path ?? "/{**any}"} -> {route.ClusterId} ({route.RouteId})");
            }
        }
    }

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

    /// <summary>Warnings about kinds of requests that no Enforce rule matches.</summary>
    private static IEnumerable<SettingsFault> EnforcementGaps(SettingsSnapshot snapshot)
    {
        var enforced = snapshot.RuleSummaries.Where(rule => rule.Mode == WhenClientSetsProvider.Enforce).ToArray();
        var patterns = enforced.SelectMany(rule => rule.Models).ToArray();
        var unbound = new List<(string Requests, string Pattern)>();
        Find("presets", "@preset/*", "@preset");
        Find("openrouter/auto", "openrouter/auto", "openrouter/");
        Find("requests without a model", "*", null);
        if (enforced.Length > 0 && unbound.Count > 0)
        {
            yield return new SettingsFault(
                $"{SettingsSchema.ProviderMapping}:{nameof(ProviderMappingSettings.Rules)}",
                $"{Enumerate(unbound)} get past your Enforce rules; add "
                    + $"{string.Join(", ", unbound.Select(kind => $"\"{kind.Pattern}\""))} to a rule's Model to bind them");
        }

        static string Enumerate(List<(string Requests, string Pattern)> kinds) => kinds.Count == 1
            ? kinds[0].Requests
            : $"{string.Join(", ", kinds.SkipLast(1).Select(kind => kind.Requests))} and {kinds[^1].Requests}";

        void Find(string requests, string pattern, string? name)
        {
            if (!patterns.Any(bound => bound.Trim('*').Length == 0
                || (name is not null && bound.Contains(name, StringComparison.OrdinalIgnoreCase))))
            {
                unbound.Add((requests, pattern));
            }
        }
    }

    private static IEnumerable<string> Files(SettingsFiles files) =>
        ((FileContent[])[files.Main, files.Overlay, files.DotEnv]).Where(file => file.Bytes is not null).Select(file => file.Path);

    private static int Count(IReadOnlyList<RouteConfig> routes, bool isRewritten) =>
        routes.Count(route => RewrittenRoutes.IsRewritten(route) == isRewritten);
}
