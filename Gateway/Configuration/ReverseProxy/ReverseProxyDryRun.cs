using System.Diagnostics;
using Gateway.Configuration.Reading;
using Gateway.Configuration.Schema;
using Gateway.Configuration.Tree;
using Yarp.ReverseProxy.Configuration;
using Yarp.ReverseProxy.Transforms.Builder;

namespace Gateway.Configuration.ReverseProxy;

/// <summary>
/// Converts section <c>ReverseProxy</c> to YARP's routes and clusters with YARP's own reader, and runs YARP's validators and transform
/// builder and ASP.NET's matcher on them in a private service provider. It finds faults that YARP would otherwise report only while it applies a configuration,
/// with half of it applied.
/// </summary>
internal sealed class ReverseProxyDryRun
{
    private readonly Action<IReverseProxyBuilder> _addServices;
    private readonly Action<IServiceProvider> _onBuilt;
    private volatile Run? _last;

    /// <summary>Creates a dry run.</summary>
    /// <param name="addServices">Registers the program's transforms.</param>
    /// <param name="onBuilt">Called with each private service provider before the validation, for steps that need it.</param>
    public ReverseProxyDryRun(Action<IReverseProxyBuilder>? addServices = null, Action<IServiceProvider>? onBuilt = null)
    {
        _addServices = addServices ?? (_ => { });
        _onBuilt = onBuilt ?? (_ => { });
    }

    /// <summary>The number of runs so far.</summary>
    internal int Runs { get; private set; }

    /// <summary>Checks the section. Unchanged input returns the previous run's result.</summary>
    /// <param name="section">The section as merged.</param>
    /// <param name="baseUrl">Replaces the destinations of the <c>openrouter</c> cluster, or <see langword="null"/>.</param>
    /// <param name="baseUrlSource">The flag or variable that <paramref name="baseUrl"/> came from.</param>
    /// <param name="faults">Receives every fault.</param>
    /// <param name="warnings">Receives the warnings.</param>
    public async ValueTask<ReverseProxyConfig> RunAsync(
        SettingsNode section,
        string? baseUrl,
        string? baseUrlSource,
        ICollection<SettingsFault> faults,
        ICollection<SettingsFault> warnings)
    {
        var run = _last;
        if (run is null || run.BaseUrl != baseUrl || run.BaseUrlSource != baseUrlSource || !run.Section.IsSame(section))
        {
            _last = run = await RunAsync(section, baseUrl, baseUrlSource);
        }

        foreach (var fault in run.Faults)
        {
            faults.Add(fault);
        }

        foreach (var warning in run.Warnings)
        {
            warnings.Add(warning);
        }

        return run.Config;
    }

    private async ValueTask<Run> RunAsync(SettingsNode section, string? baseUrl, string? baseUrlSource)
    {
        var faults = new List<SettingsFault>();
        var warnings = new List<SettingsFault>();
        var shaped = SettingsValidator.Shape(section, ReverseProxySchema.Section, SettingsSchema.ReverseProxy, faults) as SettingsObject
            ?? SettingsObject.Empty;
        shaped = OpenRouterDestination.Replace(shaped, baseUrl, baseUrlSource, faults);
        ReverseProxyCheck.Check(shaped, faults, warnings);

        // YARP would report the invalid parts again, in other words.
        var sound = SettingsObject.NewMembers();
        sound["Routes"] = Without(ReverseProxyCheck.Members(shaped, "Routes"), "Routes", faults);
        sound["Clusters"] = Without(ReverseProxyCheck.Members(shaped, "Clusters"), "Clusters", faults);
        Runs++;
        var config = await TryAsync(new SettingsObject(sound, null), faults);
        return new Run(section, baseUrl, baseUrlSource, config with { Section = shaped }, faults, warnings);
    }

    private async ValueTask<ReverseProxyConfig> TryAsync(SettingsObject section, List<SettingsFault> faults)
    {
        var pairs = new Dictionary<string, string?>(StringComparer.OrdinalIgnoreCase);
        Flatten(section, "", pairs);

        var services = new ServiceCollection();
        services.AddLogging();

        // As the gateway's host has it.
        services.AddRoutingCore();
        services.AddSingleton(static _ => new DiagnosticListener("Gateway.DryRun"));
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

        var sound = new List<RouteConfig>();
        foreach (var route in config.Routes)
        {
            var before = faults.Count;
            var cluster = config.Clusters.FirstOrDefault(
                cluster => cluster.ClusterId.Equals(route.ClusterId, StringComparison.OrdinalIgnoreCase));
            await TryAsync(route, cluster, validator, transforms, faults);
            if (faults.Count == before)
            {
                sound.Add(route);
            }
        }

        await RouteMatcherBuild.CheckAsync(provider, sound, faults);
        RouteAmbiguity.Check(config.Routes, faults);

        return new ReverseProxyConfig(config.Routes, config.Clusters, section);
    }

    private static async ValueTask TryAsync(
        RouteConfig route, ClusterConfig? cluster, IConfigValidator validator, ITransformBuilder transforms, List<SettingsFault> faults)
    {
        var path = $"{SettingsSchema.ReverseProxy}:Routes:{route.RouteId}";
        var before = faults.Count;

        // Transforms are built one at a time, so that the message can name the transform.
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

        // Reports faults of all transforms together, or of building them.
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
#pragma warning disable CA1031 // Transform factories may throw any exception, which would recur while YARP applies the routes.
        catch (Exception fault)
#pragma warning restore CA1031
        {
            faults.Add(new SettingsFault($"{path}:Transforms", Sentence(fault)));
        }
    }

    private static SettingsObject Without(IReadOnlyDictionary<string, SettingsNode> members, string name, List<SettingsFault> faults)
    {
        var sound = SettingsObject.NewMembers();
        foreach (var (id, member) in members)
        {
            if (!ReverseProxyCheck.IsAtFault($"{SettingsSchema.ReverseProxy}:{name}", id, faults))
            {
                sound[id] = member;
            }
        }

        return new SettingsObject(sound, null);
    }

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

    /// <summary>The message of an exception, as a part of a fault's line.</summary>
    internal static string Sentence(Exception fault) => fault.Message.ReplaceLineEndings(" ").TrimEnd('.');

    /// <summary>The input and the result of a run.</summary>
    private sealed record Run(
        SettingsNode Section,
        string? BaseUrl,
        string? BaseUrlSource,
        ReverseProxyConfig Config,
        IReadOnlyList<SettingsFault> Faults,
        IReadOnlyList<SettingsFault> Warnings);
}
