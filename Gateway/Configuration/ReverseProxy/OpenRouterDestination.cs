using System.Text.Json;
using Gateway.Configuration.Reading;
using Gateway.Configuration.Tree;

namespace Gateway.Configuration.ReverseProxy;

/// <summary>
/// Replaces the destinations of the cluster <c>openrouter</c> with the address of <c>--openrouter-base-url</c> or its variable.
/// </summary>
internal static class OpenRouterDestination
{
    /// <summary>The name of the cluster.</summary>
    public const string Cluster = "openrouter";

    public static SettingsObject Replace(SettingsObject section, string? baseUrl, string? source, List<SettingsFault> faults)
    {
        if (baseUrl is null)
        {
            return section;
        }

        // The value of a flag was already checked with the command line.
        if (SettingFormats.UpstreamUrlFault(baseUrl) is { } fault)
        {
            faults.Add(new SettingsFault(source!, fault));
            return section;
        }

        var clusters = ReverseProxyCheck.Members(section, "Clusters");
        if (!clusters.TryGetValue(Cluster, out var cluster))
        {
            faults.Add(new SettingsFault(
                source!, $"there is no cluster \"{Cluster}\" in ReverseProxy:Clusters whose destinations it can replace"));
            return section;
        }

        var address = new SettingsValue(JsonValueKind.String, baseUrl.Trim().TrimEnd('/'), source);
        var destinations = With(SettingsObject.Empty, Cluster, With(SettingsObject.Empty, "Address", address));
        var replaced = With((SettingsObject)cluster, "Destinations", destinations);
        return With(section, "Clusters", With(new SettingsObject(clusters, null), Cluster, replaced));

        static SettingsObject With(SettingsObject node, string name, SettingsNode value)
        {
            var members = node.ToMembers();
            members[name] = value;
            return new SettingsObject(members, node.Source);
        }
    }
}
