using System.Security.Cryptography;
using System.Text;
using Gateway.Configuration.Model;
using Gateway.Configuration.Reading;
using Gateway.Configuration.ReverseProxy;
using Gateway.Configuration.Schema;
using Gateway.Configuration.Tree;
using Gateway.Secrets;
using Gateway.Teams;
using Yarp.ReverseProxy.Configuration;
using Shaped = System.Collections.Generic.OrderedDictionary<string, Gateway.Configuration.Tree.SettingsNode>;

namespace Gateway.Configuration;

/// <summary>
/// Loads settings from their sources: a complete snapshot, or all faults. It does not publish them, so a reload can be checked before it
/// takes effect. Each section is validated once per load.
/// </summary>
/// <remarks>
/// Unchanged parts of the previous load are reused: compiled rules (<see cref="RuleCompiler"/>) and the result of YARP's dry run
/// (<see cref="ReverseProxyDryRun"/>). The result equals that of a first load, except that a faulty file of <c>TeamsFolder</c> is replaced
/// by its last good state.
/// </remarks>
internal sealed class SettingsLoader
{
    private readonly ReverseProxyDryRun _dryRun;
    private readonly TimeProvider _time;
    private volatile RuleCompiler? _compiler;
    private volatile IReadOnlyDictionary<string, TeamFile>? _teamFiles;

    /// <summary>Creates a loader.</summary>
    /// <param name="dryRun">Checks YARP's section.</param>
    /// <param name="time">The clock that decides whether keys have expired. Default: the system's.</param>
    public SettingsLoader(ReverseProxyDryRun dryRun, TimeProvider? time = null)
    {
        _dryRun = dryRun;
        _time = time ?? TimeProvider.System;
    }

    /// <summary>
    /// Reads section <c>Server</c> alone. Members that other sections lack do not count, nor does a file that cannot be read.
    /// </summary>
    /// <param name="sources">Variables, flags and the names of the files.</param>
    /// <param name="files">The content of the files.</param>
    /// <param name="faults">Receives the faults.</param>
    /// <returns>The section; <see langword="null"/> if its address, its port or the type of a value is at fault.</returns>
    public static ServerSettings? ReadServer(SettingsSources sources, SettingsFiles files, List<SettingsFault> faults)
    {
        var tree = SettingsTree.Build(sources, files, faults, []);
        var before = faults.Count;
        var server = CheckServer(tree, SettingsObject.NewMembers(), sources, faults, [], needsFiles: false);

        // A certificate that is being replaced does not move the listener.
        return faults.Skip(before).Any(static fault => fault.Path is "Server:Address" or "Server:Port") ? null : server;
    }

    /// <summary>Reads the files and loads them.</summary>
    public ValueTask<SettingsLoadResult> LoadAsync(SettingsSources sources) => LoadAsync(sources, SettingsFiles.Read(sources));

    /// <summary>Loads the settings from files that were already read.</summary>
    /// <param name="sources">Variables, flags and the names of the files.</param>
    /// <param name="files">The content of the files.</param>
    /// <param name="isRepeated">
    /// Whether the last load has found a file in the middle of a write, so that the files found now count: a file of a team that is still
    /// missing is removed.
    /// </param>
    /// <param name="needs">The secrets that must resolve.</param>
    /// <param name="isReload">Whether the gateway runs, so that no pipe is opened.</param>
    public async ValueTask<SettingsLoadResult> LoadAsync(
        SettingsSources sources, SettingsFiles files, bool isRepeated = false, SecretNeeds needs = SecretNeeds.All, bool isReload = false)
    {
        var faults = new List<SettingsFault>();
        var warnings = new List<SettingsFault>();
        var tree = SettingsTree.Build(sources, files, faults, warnings);
        if (tree.IsUnreadable)
        {
            // If a file is unreadable, the rest cannot be checked.
            return new SettingsLoadResult { Faults = faults, IsUnfinished = true };
        }

        CheckSections(tree.Root, faults);
        var shaped = SettingsObject.NewMembers();
        var server = CheckServer(tree, shaped, sources, faults, warnings, needsFiles: needs == SecretNeeds.All);
        var upstream = CheckUpstream(tree, shaped, faults, warnings);
        var logging = Bind<LoggingSettings>(tree, shaped, SettingsSchema.Logging, faults).Settings;
        var compiler = new RuleCompiler(_compiler);
        var mapping = ProviderMappingReader.Read(
            Shape(tree, shaped, SettingsSchema.ProviderMapping, faults), tree.Mappings, compiler, faults, warnings);
        var secrets = new SecretReader(tree.Variable, sources.WorkingDirectory, needs, isReload);
        var teamReader = new TeamDirectoryReader(mapping, secrets, _time.GetUtcNow(), _teamFiles);
        teamReader.ReadDefaults(Shape(tree, shaped, SettingsSchema.TeamDefaults, faults));
        teamReader.ReadSection(Shape(tree, shaped, SettingsSchema.Teams, faults, teamReader.WithDefaults));
        var folder = ReadFolder(tree, shaped, sources, faults);
        if (folder is not null)
        {
            teamReader.ReadFolder(folder);
        }

        faults.AddRange(teamReader.Faults);
        warnings.AddRange(teamReader.Warnings);
        var teams = faults.Count > 0 ? TeamDirectory.Empty : teamReader.Teams;
        var (usage, postgres) = CheckUsage(tree, shaped, sources, teams, secrets, faults, warnings);
        var (limits, redis) = CheckLimits(tree, shaped, usage?.Store ?? default, secrets, faults, warnings);
        var (admin, token) = CheckAdmin(tree, shaped, secrets, faults, warnings);
        var (alerts, webhook, secret) = CheckAlerts(tree, shaped, teams, secrets, faults, warnings);
        var proxy = await _dryRun.RunAsync(
            tree.Root.Members[SettingsSchema.ReverseProxy], tree.BaseUrl, tree.BaseUrlSource, faults, warnings);
        shaped[SettingsSchema.ReverseProxy] = proxy.Section;
        ActivityTimeouts.Warn(upstream, proxy.Clusters, warnings);
        var destinationKeys = DestinationKeyReader.Read(proxy.Section, teams, secrets, faults, warnings);
        _compiler = compiler;

        string[] referenced = [.. ((string?[])[server?.CertPath, server?.KeyPath]).OfType<string>()];
        if (faults.Count > 0)
        {
            return new SettingsLoadResult
            {
                Faults = faults,
                Warnings = warnings,
                IsUnfinished = tree.IsUnfinished || secrets.IsUnfinished || teamReader.IsUnfinished,
                ReferencedFiles = referenced,
                SecretFiles = secrets.Files,
                TeamFolder = folder,
            };
        }

        var isUnfinished = teamReader.IsUnfinished || (teamReader.FileFaults.Count > 0 && secrets.IsUnfinished);
        if (isRepeated || !isUnfinished)
        {
            _teamFiles = teamReader.Files;
        }

        var routesVersion = Hash(proxy.Section.ToUtf8Json());
        return new SettingsLoadResult
        {
            IsUnfinished = isUnfinished,
            ReferencedFiles = referenced,
            SecretFiles = secrets.Files,
            UnresolvedSecrets = secrets.Unresolved,
            TeamFolder = folder,
            Snapshot = new SettingsSnapshot
            {
                Settings = new GatewaySettings(server!, logging!)
                {
                    Upstream = upstream!,
                    Usage = usage!,
                    Limits = limits!,
                    Admin = admin!,
                    Alerts = alerts!,
                },
                Rules = mapping.Compiled,
                Teams = teams,
                DestinationKeys = destinationKeys,
                PostgresConnectionString = postgres,
                RedisConfiguration = redis,
                AdminToken = token,
                AlertWebhook = webhook,
                AlertSecret = secret,
                SecretFiles = secrets.Files,
                RuleSummaries = mapping.Summaries,
                Overrides = Overrides(tree, proxy),
                Routes = [.. proxy.Routes.Select(route => Stamp(route, routesVersion))],
                Clusters = [.. proxy.Clusters.Select(PassiveHealthDefaults.Apply)],
                Version = Version(shaped, teamReader.Entries, tree.Mappings, secrets),
                RoutesVersion = routesVersion,
                Warnings = warnings,
                TeamFolder = folder,
                TeamFaults = teamReader.FileFaults,
            },
        };
    }

    private static void CheckSections(SettingsObject root, List<SettingsFault> faults)
    {
        foreach (var (name, value) in root.Members)
        {
            if (SettingsSchema.ShapeOf(name) is null)
            {
                faults.Add(new SettingsFault(name, SettingsValidator.Unknown(name, SettingsSchema.Names) + SettingsReader.From(value.Source)));
            }
        }
    }

    private static ServerSettings? CheckServer(
        SettingsTree tree,
        Shaped shaped,
        SettingsSources sources,
        List<SettingsFault> faults,
        List<SettingsFault> warnings,
        bool needsFiles)
    {
        var (server, section) = Bind<ServerSettings>(tree, shaped, SettingsSchema.Server, faults);
        return server is null ? null : ServerSettingsCheck.Check(server, section!, sources.WorkingDirectory, faults, warnings, needsFiles);
    }

    private static UpstreamSettings? CheckUpstream(
        SettingsTree tree, Shaped shaped, List<SettingsFault> faults, List<SettingsFault> warnings)
    {
        var (upstream, section) = Bind<UpstreamSettings>(tree, shaped, SettingsSchema.Upstream, faults);
        return upstream is null
            ? null
            : UpstreamSettingsCheck.Check(upstream, new SettingsFaultCollector(SettingsSchema.Upstream, section!, faults, warnings));
    }

    private static (UsageSettings? Settings, SecretText? Postgres) CheckUsage(
        SettingsTree tree,
        Shaped shaped,
        SettingsSources sources,
        TeamDirectory teams,
        SecretReader secrets,
        List<SettingsFault> faults,
        List<SettingsFault> warnings)
    {
        var (usage, section) = Bind<UsageSettings>(tree, shaped, SettingsSchema.Usage, faults);
        return usage is null
            ? default
            : UsageSettingsCheck.Check(
                usage,
                teams,
                new SettingsFaultCollector(SettingsSchema.Usage, section!, faults, warnings),
                secrets,
                sources.WorkingDirectory);
    }

    private static (LimitsSettings? Settings, SecretText? Redis) CheckLimits(
        SettingsTree tree, Shaped shaped, UsageStore usage, SecretReader secrets, List<SettingsFault> faults, List<SettingsFault> warnings)
    {
        var (limits, section) = Bind<LimitsSettings>(tree, shaped, SettingsSchema.Limits, faults);
        return limits is null
            ? default
            : LimitsSettingsCheck.Check(
                limits, usage, new SettingsFaultCollector(SettingsSchema.Limits, section!, faults, warnings), secrets);
    }

    private static (AdminSettings? Settings, SecretText? Token) CheckAdmin(
        SettingsTree tree, Shaped shaped, SecretReader secrets, List<SettingsFault> faults, List<SettingsFault> warnings)
    {
        var (admin, section) = Bind<AdminSettings>(tree, shaped, SettingsSchema.Admin, faults);
        return admin is null
            ? default
            : AdminSettingsCheck.Check(admin, new SettingsFaultCollector(SettingsSchema.Admin, section!, faults, warnings), secrets);
    }

    private static (AlertsSettings? Settings, SecretText? Webhook, SecretText? Secret) CheckAlerts(
        SettingsTree tree, Shaped shaped, TeamDirectory teams, SecretReader secrets, List<SettingsFault> faults, List<SettingsFault> warnings)
    {
        var (alerts, section) = Bind<AlertsSettings>(tree, shaped, SettingsSchema.Alerts, faults);
        return alerts is null
            ? default
            : AlertsSettingsCheck.Check(
                alerts,
                teams.Teams,
                faults.Count > 0,
                new SettingsFaultCollector(SettingsSchema.Alerts, section!, faults, warnings),
                secrets);
    }

    /// <summary>Reads a section. Invalid members keep their defaults, so that the other members can be checked.</summary>
    private static (T? Settings, SettingsObject? Section) Bind<T>(
        SettingsTree tree, Shaped shaped, string name, List<SettingsFault> faults)
        where T : class, ISettings<T>
    {
        if (Shape(tree, shaped, name, faults) is not SettingsObject section)
        {
            return (null, null);
        }

        var whole = (SettingsObject)SettingsNode.Merge(SettingsSchema.DefaultsOf(name), section, SettingsSchema.ShapeOf(name));
        return (SettingsMembers.Read<T>(whole), whole);
    }

    /// <summary>Reads the folder of the teams; <see langword="null"/> if there is none.</summary>
    private static TeamFolder? ReadFolder(SettingsTree tree, Shaped shaped, SettingsSources sources, List<SettingsFault> faults)
    {
        if (Shape(tree, shaped, SettingsSchema.TeamsFolder, faults) is not SettingsValue { Text.Length: > 0 } path)
        {
            return null;
        }

        if (string.IsNullOrWhiteSpace(path.Text) || path.Text.Contains('\0', StringComparison.Ordinal))
        {
            faults.Add(new SettingsFault(SettingsSchema.TeamsFolder, "is blank; expected the path of a folder"));
            return null;
        }

        return TeamFolder.Read(Path.GetFullPath(path.Text, sources.WorkingDirectory));
    }

    /// <summary>Validates a section, and keeps its canonical form for <see cref="Version"/>.</summary>
    private static SettingsNode? Shape(
        SettingsTree tree, Shaped shaped, string name, List<SettingsFault> faults, Func<SettingsNode, SettingsNode>? prepare = null)
    {
        var given = tree.Root.Members[name];
        var section = SettingsValidator.Shape(prepare is null ? given : prepare(given), SettingsSchema.ShapeOf(name)!, name, faults);
        if (section is not null)
        {
            shaped[name] = section;
        }

        return section;
    }

    /// <summary>
    /// Adds the routes' version to the metadata of every route. YARP's comparison of routes ignores <c>MaxRequestBodySize</c> (yarp#3027);
    /// the version makes such a change visible to it.
    /// </summary>
    private static RouteConfig Stamp(RouteConfig route, string version)
    {
        var metadata = new Dictionary<string, string>(route.Metadata ?? new Dictionary<string, string>(), StringComparer.OrdinalIgnoreCase)
        {
            [SettingsSnapshot.RoutesVersionKey] = version,
        };
        return route with { Metadata = metadata };
    }

    /// <summary>The settings that are set outside of the settings file, without their values: some are secret.</summary>
    private static List<(string Path, string Source)> Overrides(SettingsTree tree, ReverseProxyConfig proxy)
    {
        var found = new List<(string Path, string Source)>();
        foreach (var (name, section) in tree.Root.Members)
        {
            Collect(new SettingsPath(name), name == SettingsSchema.ReverseProxy ? proxy.Section : section);
        }

        return found;

        void Collect(SettingsPath path, SettingsNode node)
        {
            switch (node)
            {
                case SettingsObject members:
                    foreach (var (name, member) in members.Members)
                    {
                        path.Push(name);
                        Collect(path, member);
                        path.Pop();
                    }

                    break;
                case SettingsArray array:
                    for (var i = 0; i < array.Items.Count; i++)
                    {
                        path.Push(i);
                        Collect(path, array.Items[i]);
                        path.Pop();
                    }

                    break;
                case { Source: { } source }:
                    found.Add((path.ToString(), source));
                    break;
            }
        }
    }

    // The hash is computed from the canonical form: 3000 in a file and "3000" in a variable are the same setting.
    private static string Version(
        Shaped shaped, IReadOnlyList<SettingsNode> teamEntries, IReadOnlyList<MappingArgument> mappings, SecretReader secrets)
    {
        var sections = SettingsObject.NewMembers();
        foreach (var name in SettingsSchema.Names)
        {
            sections[name] = shaped[name];
        }

        var content = new SettingsObject(sections, null).ToUtf8Json();
        if (teamEntries.Count > 0)
        {
            content = [.. content, .. new SettingsArray(teamEntries, null).ToUtf8Json()];
        }

        var rules = Encoding.UTF8.GetBytes(string.Concat(mappings.Select(mapping => $"\n{mapping.Name} {mapping.Text}")));
        return Hash([.. content, .. rules, .. Encoding.UTF8.GetBytes(secrets.Fingerprint)]);
    }

    private static string Hash(byte[] content) => Convert.ToHexStringLower(SHA256.HashData(content))[..12];
}
