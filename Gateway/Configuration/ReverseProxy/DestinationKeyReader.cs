using Gateway.Configuration.Reading;
using Gateway.Configuration.Schema;
using Gateway.Configuration.Tree;
using Gateway.Secrets;
using Gateway.Teams;

namespace Gateway.Configuration.ReverseProxy;

/// <summary>
/// Reads the member <c>OpenRouterKey</c> of a destination's <c>Metadata</c>, and warns of destinations on other hosts that would receive the
/// teams' keys.
/// </summary>
internal static class DestinationKeyReader
{
    private const string Setting = "Metadata:OpenRouterKey";

    /// <summary>Reads the keys of all destinations.</summary>
    /// <param name="section">The section <c>ReverseProxy</c> in canonical form.</param>
    /// <param name="teams">The teams. Without teams the callers' own keys are sent.</param>
    /// <param name="secrets">Resolves references.</param>
    /// <param name="faults">Receives every fault.</param>
    /// <param name="warnings">Receives the warnings.</param>
    public static DestinationKeys Read(
        SettingsObject section,
        TeamDirectory teams,
        SecretReader secrets,
        ICollection<SettingsFault> faults,
        ICollection<SettingsFault> warnings)
    {
        var keys = new List<(string Cluster, string Destination, UpstreamKey? Key)>();
        var sharing = new List<(string Path, string Cluster, string Host)>();
        foreach (var (cluster, node) in ReverseProxyCheck.Members(section, "Clusters"))
        {
            foreach (var (destination, members) in ReverseProxyCheck.Members((SettingsObject)node, "Destinations"))
            {
                var path = $"{SettingsSchema.ReverseProxy}:Clusters:{cluster}:Destinations:{destination}";
                var collector = new SettingsFaultCollector(path, members, faults, warnings);
                if (members is not SettingsObject { Members: var settings })
                {
                    continue;
                }

                if (ReverseProxyCheck.Members((SettingsObject)members, "Metadata").GetValueOrDefault("OpenRouterKey") is SettingsValue reference)
                {
                    keys.Add((cluster, destination, ReadKey(reference.Text, secrets, collector)));
                    if (teams.IsEmpty)
                    {
                        collector.Warn(Setting, "has no effect without teams: callers' own keys are sent");
                    }
                }
                else if (settings.GetValueOrDefault("Address") is SettingsValue { Text: var address }
                    && Uri.TryCreate(address, UriKind.Absolute, out var url))
                {
                    sharing.Add((collector.PathOf(Setting), cluster, url.Host));
                }
            }
        }

        if (!teams.IsEmpty)
        {
            WarnOfStrangers(sharing, warnings);
        }

        return keys.Count == 0 ? DestinationKeys.None : new DestinationKeys(keys);
    }

    private static UpstreamKey? ReadKey(string reference, SecretReader secrets, SettingsFaultCollector collector)
    {
        if (secrets.ReadHeaderValue(reference, allowsLiteral: false, Setting, collector) is not { } key)
        {
            return null;
        }

        if (GatewayKeys.IsIn(key))
        {
            collector.Fault(Setting, $"resolves to a gateway key, {GatewayKeys.Prefix}…; expected an OpenRouter key");
        }

        return new UpstreamKey(key, reference);
    }

    /// <summary>
    /// The teams' keys belong to the host of the cluster <c>openrouter</c>, or of the first cluster. A part of the same domain is the same
    /// host: <c>eu.openrouter.ai</c>.
    /// </summary>
    private static void WarnOfStrangers(List<(string Path, string Cluster, string Host)> sharing, ICollection<SettingsFault> warnings)
    {
        var home = sharing.Find(one => one.Cluster.Equals(OpenRouterDestination.Cluster, StringComparison.OrdinalIgnoreCase)).Host
            ?? sharing.Select(one => one.Host).FirstOrDefault();
        foreach (var (path, _, host) in sharing)
        {
            if (!IsPart(host, home!) && !IsPart(home!, host))
            {
                warnings.Add(new SettingsFault(
                    path, $"is missing: {host} receives the OpenRouter keys of the teams, which belong to {home}; expected env:NAME or file:PATH"));
            }
        }
    }

    private static bool IsPart(string host, string domain) =>
        host.Equals(domain, StringComparison.OrdinalIgnoreCase) || host.EndsWith("." + domain, StringComparison.OrdinalIgnoreCase);
}
