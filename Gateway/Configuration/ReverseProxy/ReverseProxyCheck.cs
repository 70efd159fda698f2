using System.Globalization;
using Gateway.Configuration.Reading;
using Gateway.Configuration.Schema;
using Gateway.Configuration.Tree;
using OpenRouterGateway.Transforms.Json;

namespace Gateway.Configuration.ReverseProxy;

/// <summary>The gateway's own checks of section <c>ReverseProxy</c>, in addition to YARP's.</summary>
internal static class ReverseProxyCheck
{
    /// <summary>
    /// Route settings that need a middleware which the gateway does not have. YARP ignores some of them and responds with 500 for others.
    /// </summary>
    public static IReadOnlyList<string> UnsupportedRouteSettings { get; } =
        ["AuthorizationPolicy", "RateLimiterPolicy", "OutputCachePolicy", "TimeoutPolicy", "Timeout", "CorsPolicy"];

    /// <summary>Cluster settings that need such a middleware.</summary>
    public static IReadOnlyList<string> UnsupportedClusterSettings { get; } = ["SessionAffinity"];

    /// <summary>YARP's number for a route without a limit.</summary>
    private const long NoBodyLimit = -1;

    private static readonly TimeSpan LongestActivityTimeout = TimeSpan.FromDays(7);

    // Timers count in milliseconds.
    private static readonly TimeSpan ShortestTimer = TimeSpan.FromMilliseconds(1);
    private static readonly TimeSpan ShortestPause = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestPause = TimeSpan.FromDays(1);

    private static readonly (string Check, string Name, TimeSpan Least)[] HealthTimers =
    [
        ("Passive", "ReactivationPeriod", ShortestPause),
        ("Active", "Interval", ShortestTimer),
        ("Active", "Timeout", ShortestTimer),
    ];

    private static readonly string[] ProxySchemes = ["http", "https", "socks4", "socks4a", "socks5"];

    /// <summary>Checks the section in canonical form.</summary>
    public static void Check(SettingsObject section, List<SettingsFault> faults, ICollection<SettingsFault> warnings)
    {
        var routes = Members(section, "Routes");
        var clusters = Members(section, "Clusters");
        if (!faults.Any(fault => fault.Path.StartsWith(SettingsSchema.ReverseProxy, StringComparison.Ordinal)))
        {
            RequireAny(routes, "Routes", "route", faults);
            RequireAny(clusters, "Clusters", "cluster", faults);
        }

        foreach (var (id, route) in routes)
        {
            CheckRoute(id, (SettingsObject)route, clusters, faults);
        }

        foreach (var (id, cluster) in clusters)
        {
            CheckCluster(id, (SettingsObject)cluster, faults, warnings);
        }
    }

    /// <summary>Whether a member or a setting below it has a fault.</summary>
    public static bool IsAtFault(string path, string name, List<SettingsFault> faults) => faults.Any(fault =>
        fault.Path.StartsWith($"{path}:{name}", StringComparison.OrdinalIgnoreCase)
        && (fault.Path.Length == path.Length + name.Length + 1 || fault.Path[path.Length + name.Length + 1] == ':'));

    /// <summary>The members of an object in the section; empty if the object is missing.</summary>
    public static IReadOnlyDictionary<string, SettingsNode> Members(SettingsObject node, string name) =>
        node.Members.GetValueOrDefault(name) is SettingsObject members ? members.Members : SettingsObject.Empty.Members;

    private static void RequireAny(IReadOnlyDictionary<string, SettingsNode> members, string name, string what, List<SettingsFault> faults)
    {
        if (members.Count == 0)
        {
            faults.Add(new SettingsFault(
                $"{SettingsSchema.ReverseProxy}:{name}",
                $"is empty or missing; expected one or more, since every request would be a 404 without a {what}"));
        }
    }

    private static void CheckRoute(
        string id, SettingsObject route, IReadOnlyDictionary<string, SettingsNode> clusters, List<SettingsFault> faults)
    {
        var path = $"{SettingsSchema.ReverseProxy}:Routes:{id}";
        foreach (var name in UnsupportedRouteSettings)
        {
            if (route.Members.ContainsKey(name))
            {
                faults.Add(new SettingsFault(
                    $"{path}:{name}",
                    "is not supported by this gateway; remove it (for time limits there is HttpRequest:ActivityTimeout of the cluster)"));
            }
        }

        // The server throws for a lower number, with each request.
        if (route.Members.GetValueOrDefault("MaxRequestBodySize") is SettingsValue size
            && long.Parse(size.Text, CultureInfo.InvariantCulture) < NoBodyLimit)
        {
            faults.Add(new SettingsFault(
                $"{path}:MaxRequestBodySize",
                $"got {size.Text}; expected {NoBodyLimit}, for no limit, or more{SettingsReader.From(size.Source)}"));
        }

        if (!route.Members.TryGetValue("ClusterId", out var cluster))
        {
            if (!faults.Any(fault => fault.Path == $"{path}:ClusterId"))
            {
                faults.Add(new SettingsFault($"{path}:ClusterId", "is missing; expected the name of a cluster"));
            }
        }
        else if (cluster is SettingsValue given
            && !clusters.ContainsKey(given.Text)
            && !IsAtFault($"{SettingsSchema.ReverseProxy}:Clusters", given.Text, faults))
        {
            var nearest = NearestName.Find(given.Text, clusters.Keys);
            var hint = nearest is null ? "" : $"; did you mean {nearest}?";
            faults.Add(new SettingsFault($"{path}:ClusterId", $"there is no cluster \"{given.Text}\" in ReverseProxy:Clusters{hint}"));
        }
    }

    // The ledger names a destination "cluster/destination"; with further slashes two destinations could have the same name.
    private static void CheckId(string path, string id, string what, List<SettingsFault> faults)
    {
        if (id.Contains('/', StringComparison.Ordinal))
        {
            faults.Add(new SettingsFault(path, $"\"{id}\" is not the name of a {what}; expected a name without \"/\""));
        }
    }

    private static void CheckCluster(string id, SettingsObject cluster, List<SettingsFault> faults, ICollection<SettingsFault> warnings)
    {
        var path = $"{SettingsSchema.ReverseProxy}:Clusters:{id}";
        CheckId(path, id, "cluster", faults);
        faults.AddRange(UnsupportedClusterSettings.Where(cluster.Members.ContainsKey).Select(
            name => new SettingsFault($"{path}:{name}", "is not supported by this gateway; remove it")));

        var destinations = Members(cluster, "Destinations");
        if (destinations.Count == 0 && !IsAtFault(path, "Destinations", faults))
        {
            faults.Add(new SettingsFault($"{path}:Destinations", "is empty or missing; expected one or more destinations"));
        }

        foreach (var (name, destination) in destinations)
        {
            CheckId($"{path}:Destinations:{name}", name, "destination", faults);
            var address = (destination as SettingsObject)?.Members.GetValueOrDefault("Address") as SettingsValue;
            var addressPath = $"{path}:Destinations:{name}:Address";
            if (address is null)
            {
                if (!IsAtFault($"{path}:Destinations", name, faults))
                {
                    faults.Add(new SettingsFault(addressPath, $"is missing; expected {SettingFormats.UpstreamUrlExpected}"));
                }
            }
            else if (SettingFormats.UpstreamUrlFault(address.Text) is { } fault)
            {
                faults.Add(new SettingsFault(addressPath, fault + SettingsReader.From(address.Source)));
            }
            else if (address.Text.Trim() != address.Text)
            {
                // YARP takes the text as it is.
                faults.Add(new SettingsFault(
                    addressPath,
                    $"begins or ends with a blank; expected {SettingFormats.UpstreamUrlExpected}{SettingsReader.From(address.Source)}"));
            }
            else if (new Uri(address.Text) is { IsLoopback: false } url && url.Scheme == Uri.UriSchemeHttp)
            {
                warnings.Add(new SettingsFault(addressPath, $"\"{address.Text}\" is not https: keys and prompts are sent unencrypted"));
            }
        }

        // YARP starts a timer with it for each request: zero fires at once, and a value out of the timer's range causes a 500.
        if (cluster.Members.GetValueOrDefault("HttpRequest") is SettingsObject request
            && request.Members.GetValueOrDefault("ActivityTimeout") is SettingsValue { Text: var text }
            && TimeSpan.Parse(text, CultureInfo.InvariantCulture) is var timeout
            && (timeout == TimeSpan.Zero || timeout > LongestActivityTimeout))
        {
            faults.Add(new SettingsFault(
                $"{path}:HttpRequest:ActivityTimeout",
                $"got \"{text}\"; expected more than \"00:00:00\" and \"{LongestActivityTimeout:c}\" at most"));
        }

        // YARP starts timers with them. Zero would leave nothing alone, and a value out of the timer's range throws when a destination fails,
        // or while YARP applies the cluster.
        foreach (var (check, name, least) in HealthTimers)
        {
            if (Members(cluster, "HealthCheck").GetValueOrDefault(check) is SettingsObject health
                && health.Members.GetValueOrDefault(name) is SettingsValue { Text: var period })
            {
                new SettingsFaultCollector($"{path}:HealthCheck:{check}", health, faults, warnings)
                    .Range(name, TimeSpan.Parse(period, CultureInfo.InvariantCulture), least, LongestPause);
            }
        }

        if (cluster.Members.GetValueOrDefault("HttpClient") is SettingsObject client)
        {
            CheckHttpClient(new SettingsFaultCollector($"{path}:HttpClient", client, faults, warnings), client);
        }
    }

    private static void CheckHttpClient(SettingsFaultCollector faults, SettingsObject client)
    {
        if (client.Members.GetValueOrDefault("DangerousAcceptAnyServerCertificate") is SettingsValue { Text: "true" })
        {
            faults.Warn("DangerousAcceptAnyServerCertificate", "any server that answers at upstream's address receives keys and prompts");
        }

        // .NET throws for another scheme, with each call. The address may hold a password and is not quoted.
        if (Members(client, "WebProxy").GetValueOrDefault("Address") is SettingsValue address
            && !ProxySchemes.Contains(new Uri(address.Text).Scheme))
        {
            faults.Fault(
                "WebProxy:Address",
                "is no address of a proxy; expected an http, https, socks4, socks4a or socks5 URL such as http://proxy.example:3128");
        }
    }
}
