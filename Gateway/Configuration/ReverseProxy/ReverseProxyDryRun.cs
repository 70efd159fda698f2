using System.Globalization;
using System.Text.RegularExpressions;
using Gateway.Configuration.Reading;
using Gateway.Configuration.Schema;
using Gateway.Primitives;
using Yarp.ReverseProxy.Configuration;
using Yarp.ReverseProxy.Transforms.Builder;

namespace Gateway.Configuration.ReverseProxy;

/// <summary>
/// Turns section <c>ReverseProxy</c> into YARP's routes and clusters by YARP's own reader, and takes them through YARP's validators and
/// transform builder, all in a private service provider: whatever YARP would refuse while it applies a configuration, half of it done by
/// then, is found here first.
/// </summary>
internal sealed partial class ReverseProxyDryRun
{
    /// <summary>Name of the cluster whose destinations <c>--openrouter-base-url</c> replaces.</summary>
    public const string OpenRouterCluster = "openrouter";

    /// <summary>
    /// Settings of a route that need a middleware which this program does not run; YARP would ignore some and answer 500 for others.
    /// </summary>
    private static readonly string[] UnsupportedRouteSettings =
        ["AuthorizationPolicy", "RateLimiterPolicy", "OutputCachePolicy", "TimeoutPolicy", "Timeout", "CorsPolicy"];

    private static readonly TimeSpan LongestActivityTimeout = TimeSpan.FromDays(7);

    private readonly Action<IReverseProxyBuilder> _addServices;
    private readonly Action<IServiceProvider> _onBuilt;

    /// <summary>Creates a dry run.</summary>
    /// <param name="addServices">Registers the same transforms as the program itself does.</param>
    /// <param name="onBuilt">Called with each private service provider before anything is validated, for steps that need that.</param>
    public ReverseProxyDryRun(Action<IReverseProxyBuilder>? addServices = null, Action<IServiceProvider>? onBuilt = null)
    {
        _addServices = addServices ?? (_ => { });
        _onBuilt = onBuilt ?? (_ => { });
    }

    /// <summary>Reads and tries the section.</summary>
    /// <param name="section">The section as merged.</param>
    /// <param name="baseUrl">What replaces the destinations of the <c>openrouter</c> cluster, or <see langword="null"/>.</param>
    /// <param name="baseUrlSource">The flag or variable that it came by.</param>
    /// <param name="faults">Takes every fault.</param>
    /// <param name="warnings">Takes what is odd.</param>
    public async ValueTask<ReverseProxyConfig> RunAsync(
        SettingsNode section,
        string? baseUrl,
        string? baseUrlSource,
        ICollection<SettingsFault> faults,
        ICollection<SettingsFault> warnings)
    {
        var found = new List<SettingsFault>();
        var shaped = SettingsValidator.Shape(section, ReverseProxySchema.Section, SettingsSchema.ReverseProxy, found) as SettingsObject
            ?? SettingsObject.Empty;
        shaped = ReplaceDestinations(shaped, baseUrl, baseUrlSource, found);

        var routes = Members(shaped, "Routes");
        var clusters = Members(shaped, "Clusters");
        if (!found.Any(fault => fault.Path.StartsWith(SettingsSchema.ReverseProxy, StringComparison.Ordinal)))
        {
            RequireAny(routes, "Routes", "route", found);
            RequireAny(clusters, "Clusters", "cluster", found);
        }

        foreach (var (id, route) in routes)
        {
            CheckRoute(id, (SettingsObject)route, clusters, found);
        }

        foreach (var (id, cluster) in clusters)
        {
            CheckCluster(id, (SettingsObject)cluster, found, warnings);
        }

        // What is already known to be bad would only be reported again, in other words.
        var sound = SettingsObject.NewMembers();
        sound["Routes"] = Without(routes, "Routes", found);
        sound["Clusters"] = Without(clusters, "Clusters", found);
        var config = await TryAsync(new SettingsObject(sound, null), found);

        foreach (var fault in found)
        {
            faults.Add(fault);
        }

        return config with { Section = shaped };
    }

    private async ValueTask<ReverseProxyConfig> TryAsync(SettingsObject section, List<SettingsFault> faults)
    {
        var pairs = new Dictionary<string, string?>(StringComparer.OrdinalIgnoreCase);
        Flatten(section, "", pairs);

        var services = new ServiceCollection();
        services.AddLogging();
        _addServices(services.AddReverseProxy().LoadFromConfig(new ConfigurationBuilder().AddInMemoryCollection(pairs).Build()));
        await using var provider = services.BuildServiceProvider();
        _onBuilt(provider);

        IProxyConfig config;
        try
        {
            config = provider.GetRequiredService<IProxyConfigProvider>().GetConfig();
        }
        catch (Exception fault) when (fault is FormatException or ArgumentException or OverflowException)
        {
            faults.Add(new SettingsFault(SettingsSchema.ReverseProxy, Sentence(fault)));
            return ReverseProxyConfig.Empty;
        }

        var validator = provider.GetRequiredService<IConfigValidator>();
        var transforms = provider.GetRequiredService<ITransformBuilder>();
        foreach (var cluster in config.Clusters)
        {
            foreach (var fault in await validator.ValidateClusterAsync(cluster))
            {
                faults.Add(new SettingsFault($"{SettingsSchema.ReverseProxy}:Clusters:{cluster.ClusterId}", Sentence(fault)));
            }
        }

        foreach (var route in config.Routes)
        {
            var cluster = config.Clusters.FirstOrDefault(
                cluster => cluster.ClusterId.Equals(route.ClusterId, StringComparison.OrdinalIgnoreCase));
            await TryAsync(route, cluster, validator, transforms, faults);
        }

        RequireUnambiguous(config.Routes, faults);

        return new ReverseProxyConfig(config.Routes, config.Clusters, section);
    }

    private static async ValueTask TryAsync(
        RouteConfig route, ClusterConfig? cluster, IConfigValidator validator, ITransformBuilder transforms, List<SettingsFault> faults)
    {
        var path = $"{SettingsSchema.ReverseProxy}:Routes:{route.RouteId}";
        var before = faults.Count;

        // One by one, so that the message can say which.
        for (var i = 0; i < route.Transforms?.Count; i++)
        {
            foreach (var fault in transforms.ValidateRoute(route with { Transforms = [route.Transforms[i]] }))
            {
                faults.Add(new SettingsFault($"{path}:Transforms:{i}", Sentence(fault)));
            }
        }

        foreach (var fault in await validator.ValidateRouteAsync(route with { Transforms = null }))
        {
            faults.Add(new SettingsFault(path, Sentence(fault)));
        }

        if (faults.Count > before)
        {
            return;
        }

        // What only shows with all transforms together, or when they are built.
        foreach (var fault in transforms.ValidateRoute(route))
        {
            faults.Add(new SettingsFault($"{path}:Transforms", Sentence(fault)));
        }

        if (faults.Count > before)
        {
            return;
        }

        try
        {
            transforms.Build(route, cluster);
        }
#pragma warning disable CA1031 // Transform factories are free in what they throw; it would be thrown again while YARP applies the routes.
        catch (Exception fault)
#pragma warning restore CA1031
        {
            faults.Add(new SettingsFault($"{path}:Transforms", Sentence(fault)));
        }
    }

    /// <summary>Two routes for the same requests are a 500 for each of these, and nothing in YARP tells before.</summary>
    private static void RequireUnambiguous(IReadOnlyList<RouteConfig> routes, List<SettingsFault> faults)
    {
        for (var i = 0; i < routes.Count; i++)
        {
            if (routes.Take(i).FirstOrDefault(earlier => AreAmbiguous(earlier, routes[i])) is { } other)
            {
                faults.Add(new SettingsFault(
                    $"{SettingsSchema.ReverseProxy}:Routes:{routes[i].RouteId}",
                    $"matches the same requests as \"{other.RouteId}\"; expected another Path, Methods, Hosts or Order"));
            }
        }
    }

    private static bool AreAmbiguous(RouteConfig one, RouteConfig other)
    {
        // Routes that look at headers or the query are ranked by how many they ask for; whether they exclude each other is not seen here.
        return one.Order.GetValueOrDefault() == other.Order.GetValueOrDefault()
            && one.Match is { Headers: null, QueryParameters: null } && other.Match is { Headers: null, QueryParameters: null }
            && string.Equals(Template(one), Template(other), StringComparison.OrdinalIgnoreCase)
            && Overlap(one.Match.Methods, other.Match.Methods)
            && Overlap(one.Match.Hosts, other.Match.Hosts);

        static string Template(RouteConfig route) => ParameterName().Replace(route.Match.Path ?? "/{**all}", "{$1").Trim('/');

        // A route that names its methods goes before one that takes any.
        static bool Overlap(IReadOnlyList<string>? some, IReadOnlyList<string>? others) =>
            some is null or []
                ? others is null or []
                : others is not null && some.Intersect(others, StringComparer.OrdinalIgnoreCase).Any();
    }

    /// <summary>The name of a parameter in a path, which does not matter for what the path matches.</summary>
    [GeneratedRegex(@"\{(\*{0,2})[^:?=}]*")]
    private static partial Regex ParameterName();

    private static SettingsObject ReplaceDestinations(SettingsObject section, string? baseUrl, string? source, List<SettingsFault> faults)
    {
        if (baseUrl is null)
        {
            return section;
        }

        // A flag is judged while the command line is read; a variable here.
        if (SettingValues.UpstreamUrlFault(baseUrl) is { } fault)
        {
            faults.Add(new SettingsFault(source!, fault));
            return section;
        }

        var clusters = Members(section, "Clusters");
        if (!clusters.TryGetValue(OpenRouterCluster, out var cluster))
        {
            faults.Add(new SettingsFault(
                source!, $"there is no cluster \"{OpenRouterCluster}\" in ReverseProxy:Clusters whose destinations it could replace"));
            return section;
        }

        var address = new SettingsValue(System.Text.Json.JsonValueKind.String, baseUrl.Trim().TrimEnd('/'), source);
        var destinations = With(SettingsObject.Empty, OpenRouterCluster, With(SettingsObject.Empty, "Address", address));
        var replaced = With((SettingsObject)cluster, "Destinations", destinations);
        return With(section, "Clusters", With(new SettingsObject(clusters, null), OpenRouterCluster, replaced));

        static SettingsObject With(SettingsObject node, string name, SettingsNode value)
        {
            var members = node.ToMembers();
            members[name] = value;
            return new SettingsObject(members, node.Source);
        }
    }

    private static void RequireAny(IReadOnlyDictionary<string, SettingsNode> members, string name, string what, List<SettingsFault> faults)
    {
        if (members.Count == 0)
        {
            faults.Add(new SettingsFault(
                $"{SettingsSchema.ReverseProxy}:{name}",
                $"is empty or missing; expected one {what} or more, or every request would be a 404"));
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

        if (!route.Members.TryGetValue("ClusterId", out var cluster))
        {
            if (!faults.Any(fault => fault.Path == $"{path}:ClusterId"))
            {
                faults.Add(new SettingsFault($"{path}:ClusterId", "is missing; expected the name of a cluster"));
            }
        }
        else if (cluster is SettingsValue given
            && !clusters.ContainsKey(given.Text)
            && !IsBad($"{SettingsSchema.ReverseProxy}:Clusters", given.Text, faults))
        {
            var nearest = NearestName.Find(given.Text, clusters.Keys);
            var hint = nearest is null ? "" : $"; did you mean {nearest}?";
            faults.Add(new SettingsFault($"{path}:ClusterId", $"there is no cluster \"{given.Text}\" in ReverseProxy:Clusters{hint}"));
        }
    }

    private static void CheckCluster(string id, SettingsObject cluster, List<SettingsFault> faults, ICollection<SettingsFault> warnings)
    {
        var path = $"{SettingsSchema.ReverseProxy}:Clusters:{id}";
        if (cluster.Members.ContainsKey("SessionAffinity"))
        {
            faults.Add(new SettingsFault($"{path}:SessionAffinity", "is not supported by this gateway; remove it"));
        }

        var destinations = Members(cluster, "Destinations");
        if (destinations.Count == 0 && !IsBad(path, "Destinations", faults))
        {
            faults.Add(new SettingsFault($"{path}:Destinations", "is empty or missing; expected one destination or more"));
        }

        foreach (var (name, destination) in destinations)
        {
            var address = (destination as SettingsObject)?.Members.GetValueOrDefault("Address") as SettingsValue;
            var addressPath = $"{path}:Destinations:{name}:Address";
            if (address is null)
            {
                if (!IsBad($"{path}:Destinations", name, faults))
                {
                    faults.Add(new SettingsFault(addressPath, $"is missing; expected {SettingValues.UpstreamUrlExpected}"));
                }
            }
            else if (SettingValues.UpstreamUrlFault(address.Text) is { } fault)
            {
                faults.Add(new SettingsFault(addressPath, fault + SettingsReader.From(address.Source)));
            }
            else if (new Uri(address.Text) is { IsLoopback: false } url && url.Scheme == Uri.UriSchemeHttp)
            {
                warnings.Add(new SettingsFault(addressPath, $"\"{address.Text}\" is not https: keys and prompts go there in the clear"));
            }
        }

        // YARP arms a timer with it at each request: zero fires at once, and what no timer takes is a 500.
        if (cluster.Members.GetValueOrDefault("HttpRequest") is SettingsObject request
            && request.Members.GetValueOrDefault("ActivityTimeout") is SettingsValue { Text: var text }
            && TimeSpan.Parse(text, CultureInfo.InvariantCulture) is var timeout
            && (timeout == TimeSpan.Zero || timeout > LongestActivityTimeout))
        {
            faults.Add(new SettingsFault(
                $"{path}:HttpRequest:ActivityTimeout",
                $"got \"{text}\"; expected more than \"00:00:00\" and \"{LongestActivityTimeout:c}\" at most"));
        }

        if (cluster.Members.GetValueOrDefault("HttpClient") is SettingsObject client
            && client.Members.GetValueOrDefault("DangerousAcceptAnyServerCertificate") is SettingsValue { Text: "true" })
        {
            warnings.Add(new SettingsFault(
                $"{path}:HttpClient:DangerousAcceptAnyServerCertificate", "whoever answers for upstream's address gets keys and prompts"));
        }
    }

    private static SettingsObject Without(IReadOnlyDictionary<string, SettingsNode> members, string name, List<SettingsFault> faults)
    {
        var sound = SettingsObject.NewMembers();
        foreach (var (id, member) in members)
        {
            if (!IsBad($"{SettingsSchema.ReverseProxy}:{name}", id, faults))
            {
                sound[id] = member;
            }
        }

        return new SettingsObject(sound, null);
    }

    private static bool IsBad(string path, string name, List<SettingsFault> faults) => faults.Any(fault =>
        fault.Path.StartsWith($"{path}:{name}", StringComparison.OrdinalIgnoreCase)
        && (fault.Path.Length == path.Length + name.Length + 1 || fault.Path[path.Length + name.Length + 1] == ':'));

    private static IReadOnlyDictionary<string, SettingsNode> Members(SettingsObject node, string name) =>
        node.Members.GetValueOrDefault(name) is SettingsObject members ? members.Members : SettingsObject.Empty.Members;

    private static void Flatten(SettingsNode node, string path, Dictionary<string, string?> pairs)
    {
        switch (node)
        {
            case SettingsObject members:
                foreach (var (name, value) in members.Members)
                {
                    Flatten(value, path.Length == 0 ? name : $"{path}:{name}", pairs);
                }

                break;
            case SettingsArray array:
                for (var i = 0; i < array.Items.Count; i++)
                {
                    Flatten(array.Items[i], $"{path}:{i}", pairs);
                }

                break;
            case SettingsValue value:
                pairs[path] = value.Text;
                break;
        }
    }

    private static string Sentence(Exception fault) => fault.Message.ReplaceLineEndings(" ").TrimEnd('.');
}
