using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Gateway.Configuration.Model;
using Gateway.Configuration.Reading;
using Gateway.Configuration.ReverseProxy;
using Gateway.Configuration.Schema;
using Gateway.Secrets;
using Gateway.Teams;
using Yarp.ReverseProxy.Configuration;

namespace Gateway.Configuration;

/// <summary>
/// Makes settings from sources: a good whole or everything that is wrong. Touches no state of the process, so that a reload can be judged
/// off to the side.
/// </summary>
internal sealed class SettingsLoader
{
    private readonly ReverseProxyDryRun _dryRun;
    private readonly TimeProvider _time;

    /// <summary>Creates a loader.</summary>
    /// <param name="dryRun">Tries YARP's section.</param>
    /// <param name="time">The clock that keys expire by. Default the system's.</param>
    public SettingsLoader(ReverseProxyDryRun dryRun, TimeProvider? time = null)
    {
        _dryRun = dryRun;
        _time = time ?? TimeProvider.System;
    }

    /// <summary>Reads the files and loads them.</summary>
    public ValueTask<SettingsLoadResult> LoadAsync(SettingsSources sources) => LoadAsync(sources, SettingsFiles.Read(sources));

    /// <summary>Loads files that were read before.</summary>
    /// <param name="sources">Variables, flags and the names of the files.</param>
    /// <param name="files">What the files held.</param>
    public async ValueTask<SettingsLoadResult> LoadAsync(SettingsSources sources, SettingsFiles files)
    {
        var faults = new List<SettingsFault>();
        var warnings = new List<SettingsFault>();
        var tree = SettingsTree.Build(sources, files, faults, warnings);
        if (tree.IsUnreadable)
        {
            // With a file missing from the whole, whatever else could be said about it would be noise.
            return new SettingsLoadResult { Faults = faults, IsUnfinished = true };
        }

        CheckSections(tree.Root, faults);
        var server = CheckServer(tree, sources, faults, warnings);
        var logging = Bind(tree, SettingsSchema.Logging, SettingsJsonContext.Default.LoggingSettings, faults).Settings;
        var mapping = ProviderMappingReader.Read(tree.Root.Members[SettingsSchema.ProviderMapping], tree.Mappings, faults, warnings);
        var secrets = new SecretReader(tree.Variable, sources.WorkingDirectory);
        var teams = TeamReader.Read(tree.Root.Members[SettingsSchema.Teams], mapping, secrets, _time.GetUtcNow(), faults, warnings);
        var (usage, postgres) = CheckUsage(tree, sources, teams, secrets, faults, warnings);
        var (limits, redis) = CheckLimits(tree, usage?.Store ?? default, secrets, faults, warnings);
        var (admin, token) = CheckAdmin(tree, secrets, faults, warnings);
        var proxy = await _dryRun.RunAsync(
            tree.Root.Members[SettingsSchema.ReverseProxy], tree.BaseUrl, tree.BaseUrlSource, faults, warnings);

        string[] referenced = [.. ((string?[])[server?.CertPath, server?.KeyPath]).OfType<string>()];
        if (faults.Count > 0)
        {
            return new SettingsLoadResult
            {
                Faults = faults,
                IsUnfinished = tree.IsUnfinished || secrets.IsUnfinished,
                ReferencedFiles = referenced,
                SecretFiles = secrets.Files,
            };
        }

        var routesVersion = Hash(proxy.Section.ToUtf8Json());
        return new SettingsLoadResult
        {
            ReferencedFiles = referenced,
            SecretFiles = secrets.Files,
            Snapshot = new SettingsSnapshot
            {
                Settings = new GatewaySettings(server!, mapping.Settings, logging!) { Usage = usage!, Limits = limits!, Admin = admin! },
                Rules = mapping.Compiled,
                Teams = teams,
                PostgresConnectionString = postgres,
                RedisConfiguration = redis,
                AdminToken = token,
                SecretFiles = secrets.Files,
                RuleSummaries = mapping.Summaries,
                Overrides = [.. Overrides(tree, proxy)],
                Routes = [.. proxy.Routes.Select(route => Stamp(route, routesVersion))],
                Clusters = proxy.Clusters,
                Version = Version(tree, proxy, secrets),
                RoutesVersion = routesVersion,
                Warnings = warnings,
            },
        };
    }

    private static void CheckSections(SettingsObject root, List<SettingsFault> faults)
    {
        foreach (var (name, value) in root.Members)
        {
            if (!SettingsSchema.Sections.ContainsKey(name) && !name.Equals(SettingsSchema.JsonSchema, StringComparison.Ordinal))
            {
                faults.Add(new SettingsFault(name, SettingsValidator.Unknown(name, SettingsSchema.Sections.Keys) + SettingsReader.From(value.Source)));
            }
        }
    }

    private static ServerSettings? CheckServer(
        SettingsTree tree, SettingsSources sources, List<SettingsFault> faults, List<SettingsFault> warnings)
    {
        var (server, section) = Bind(tree, SettingsSchema.Server, SettingsJsonContext.Default.ServerSettings, faults);
        return server is null ? null : ServerSettingsCheck.Check(server, section!, sources.WorkingDirectory, faults, warnings);
    }

    private static (UsageSettings? Settings, SecretText? Postgres) CheckUsage(
        SettingsTree tree, SettingsSources sources, TeamDirectory teams, SecretReader secrets, List<SettingsFault> faults, List<SettingsFault> warnings)
    {
        var (usage, section) = Bind(tree, SettingsSchema.Usage, SettingsJsonContext.Default.UsageSettings, faults);
        return usage is null
            ? default
            : UsageSettingsCheck.Check(
                usage, teams, new SectionFaults(SettingsSchema.Usage, section!, faults, warnings), secrets, sources.WorkingDirectory);
    }

    private static (LimitsSettings? Settings, SecretText? Redis) CheckLimits(
        SettingsTree tree, UsageStore usage, SecretReader secrets, List<SettingsFault> faults, List<SettingsFault> warnings)
    {
        var (limits, section) = Bind(tree, SettingsSchema.Limits, SettingsJsonContext.Default.LimitsSettings, faults);
        return limits is null
            ? default
            : LimitsSettingsCheck.Check(limits, usage, new SectionFaults(SettingsSchema.Limits, section!, faults, warnings), secrets);
    }

    private static (AdminSettings? Settings, SecretText? Token) CheckAdmin(
        SettingsTree tree, SecretReader secrets, List<SettingsFault> faults, List<SettingsFault> warnings)
    {
        var (admin, section) = Bind(tree, SettingsSchema.Admin, SettingsJsonContext.Default.AdminSettings, faults);
        return admin is null
            ? default
            : AdminSettingsCheck.Check(admin, new SectionFaults(SettingsSchema.Admin, section!, faults, warnings), secrets);
    }

    /// <summary>Reads a section; members at fault keep their defaults, so that the others can be judged.</summary>
    private static (T? Settings, SettingsObject? Section) Bind<T>(
        SettingsTree tree, string name, JsonTypeInfo<T> type, List<SettingsFault> faults)
        where T : class
    {
        if (SettingsValidator.Shape(tree.Root.Members[name], SettingsSchema.Sections[name], name, faults) is not SettingsObject section)
        {
            return (null, null);
        }

        var whole = (SettingsObject)SettingsNode.Merge(SettingsTree.Default(name), section);
        return (JsonSerializer.Deserialize(whole.ToUtf8Json(), type), whole);
    }

    /// <summary>
    /// Names the routes' version on every route: a request finds the rules that belong to the route it was matched to. It also makes YARP
    /// see a change in <c>MaxRequestBodySize</c> alone, which its comparison of routes overlooks (yarp#3027).
    /// </summary>
    private static RouteConfig Stamp(RouteConfig route, string version)
    {
        var metadata = new Dictionary<string, string>(route.Metadata ?? new Dictionary<string, string>(), StringComparer.OrdinalIgnoreCase)
        {
            [SettingsSnapshot.RoutesVersionKey] = version,
        };
        return route with { Metadata = metadata };
    }

    /// <summary>What does not come from the settings file, without the values: not all of them are for everybody.</summary>
    private static IEnumerable<(string Path, string Source)> Overrides(SettingsTree tree, ReverseProxyConfig proxy)
    {
        return tree.Root.Members.SelectMany(
            section => Leaves(section.Key, section.Key == SettingsSchema.ReverseProxy ? proxy.Section : section.Value));

        static IEnumerable<(string Path, string Source)> Leaves(string path, SettingsNode node) => node switch
        {
            SettingsObject members => members.Members.SelectMany(member => Leaves($"{path}:{member.Key}", member.Value)),
            SettingsArray array => array.Items.SelectMany((item, i) => Leaves($"{path}:{i}", item)),
            { Source: { } source } => [(path, source)],
            _ => [],
        };
    }

    private static string Version(SettingsTree tree, ReverseProxyConfig proxy, SecretReader secrets)
    {
        var members = tree.Root.ToMembers();
        members[SettingsSchema.ReverseProxy] = proxy.Section;
        members.Remove(SettingsSchema.JsonSchema);
        foreach (var (name, shape) in SettingsSchema.Sections)
        {
            // In canonical form: 3000 from a file and "3000" from a variable are the same setting.
            members[name] = SettingsValidator.Shape(members[name], shape, name, [])!;
        }

        var content = new SettingsObject(members, null).ToUtf8Json();
        var mappings = Encoding.UTF8.GetBytes(string.Concat(tree.Mappings.Select(mapping => $"\n{mapping.Name} {mapping.Text}")));
        return Hash([.. content, .. mappings, .. Encoding.UTF8.GetBytes(secrets.Fingerprint)]);
    }

    private static string Hash(byte[] content) => Convert.ToHexStringLower(SHA256.HashData(content))[..12];
}
