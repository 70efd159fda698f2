using System.Text;
using System.Text.Json;
using Gateway.Configuration.Model;
using Gateway.Configuration.Schema;
using Gateway.Configuration.Tree;
using Gateway.Rules;
using OpenRouterGateway.Transforms.ProviderMapping;

namespace Gateway.Configuration.Reading;

/// <summary>Compiles section <c>ProviderMapping</c> and the short forms of flags and variables into rules.</summary>
internal sealed class ProviderMappingReader
{
    private const string DefaultName = "rule";
    private const string DefaultTeamName = "team-rule";

    private readonly ICollection<SettingsFault> _faults;
    private readonly ICollection<SettingsFault> _warnings;
    private readonly Dictionary<string, string> _names;
    private readonly string _path;
    private readonly string _defaultName;
    private readonly List<ProviderRule> _rules = [];
    private readonly List<ModelAlias> _aliases = [];
    private readonly List<RuleSummary> _summaries = [];
    private readonly RuleCompiler _compiler;

    private ProviderMappingReader(
        string path,
        string defaultName,
        Dictionary<string, string> names,
        RuleCompiler compiler,
        ICollection<SettingsFault> faults,
        ICollection<SettingsFault> warnings)
    {
        _path = path;
        _compiler = compiler;
        _defaultName = defaultName;
        _names = names;
        _faults = faults;
        _warnings = warnings;
    }

    /// <summary>All rules and aliases, compiled.</summary>
    public ProviderMappingRules Compiled { get; private set; } = ProviderMappingRules.Empty;

    /// <summary>The rules as written, in order.</summary>
    public IReadOnlyList<RuleSummary> Summaries => _summaries;

    /// <summary>Reads the global rules and aliases.</summary>
    /// <param name="section">
    /// The section in canonical form, with gaps for invalid entries, whose faults are reported already; <see langword="null"/> if the
    /// section itself is invalid.
    /// </param>
    /// <param name="mappings">The short forms; their rules come first.</param>
    /// <param name="compiler">Compiles the rules.</param>
    /// <param name="faults">Receives every fault.</param>
    /// <param name="warnings">Receives the warnings.</param>
    public static ProviderMappingReader Read(
        SettingsNode? section,
        IReadOnlyList<MappingArgument> mappings,
        RuleCompiler compiler,
        ICollection<SettingsFault> faults,
        ICollection<SettingsFault> warnings)
    {
        var names = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        var reader = new ProviderMappingReader(SettingsSchema.ProviderMapping, DefaultName, names, compiler, faults, warnings);
        foreach (var mapping in mappings)
        {
            reader.Add(mapping);
        }

        reader.ReadEntries(section);
        reader.Compiled = new ProviderMappingRules(reader._rules, reader._aliases);
        return reader;
    }

    /// <summary>
    /// Reads a team's own rules and aliases. They precede the global ones, which are shared and not compiled again. A team's rule must not
    /// have the name of a global one, since responses name the applied rules. Rules of different teams may have the same name.
    /// </summary>
    /// <param name="section">The team's section in canonical form.</param>
    /// <param name="path">Its path.</param>
    /// <param name="faults">Receives every fault.</param>
    /// <param name="warnings">Receives the warnings.</param>
    public (ProviderMappingRules Rules, IReadOnlyList<RuleSummary> Summaries) ReadTeam(
        SettingsNode section, string path, ICollection<SettingsFault> faults, ICollection<SettingsFault> warnings)
    {
        var names = new Dictionary<string, string>(_names, StringComparer.OrdinalIgnoreCase);
        var reader = new ProviderMappingReader(path, DefaultTeamName, names, _compiler, faults, warnings);
        reader.ReadEntries(section);
        var rules = reader._rules.Count == 0 && reader._aliases.Count == 0
            ? Compiled
            : Compiled.PrecededBy(reader._rules, reader._aliases);
        return (rules, reader._summaries);
    }

    private void ReadEntries(SettingsNode? section)
    {
        foreach (var (i, entry) in Entries(section, nameof(ProviderMappingSettings.Rules)))
        {
            AddRule(entry, i);
        }

        foreach (var (i, entry) in Entries(section, nameof(ProviderMappingSettings.Aliases)))
        {
            Add(SettingsMembers.Read<ModelAliasSettings>(entry), i);
        }
    }

    private void Add(MappingArgument mapping)
    {
        var problems = new List<RuleProblem>();
        _ = ProviderRule.TryParseMapping(mapping.Text, mapping.Name, problems, out var rule);
        foreach (var problem in problems)
        {
            Report(mapping.Source, problem with { Path = "" }, mapping.Name);
        }

        _names.Add(mapping.Name, mapping.Source);
        if (rule is not null)
        {
            _rules.Add(rule);
            var parts = mapping.Text.Split('=', 2, StringSplitOptions.TrimEntries);
            _summaries.Add(new RuleSummary(rule.Name, mapping.Source, [parts[0]], rule.Mode, OrderBlock(parts[1])));
        }
    }

    private void AddRule(SettingsObject entry, int index)
    {
        var path = $"{_path}:{nameof(ProviderMappingSettings.Rules)}:{index}";
        var defaultName = $"{_defaultName}-{index + 1}";
        var compiled = _compiler.Compile(entry, defaultName);
        var name = compiled.GivenName ?? defaultName;
        if (!_names.TryAdd(name, path))
        {
            var given = $"\"{name}\"{(compiled.GivenName is null ? ", the default here," : "")}";
            _faults.Add(new SettingsFault($"{path}:Name", $"{given} is already used by {_names[name]}; expected unique names"));
        }

        foreach (var problem in compiled.Problems)
        {
            Report(path, problem, name);
        }

        if (compiled.Rule is { } rule)
        {
            _rules.Add(rule);
            _summaries.Add(new RuleSummary(
                name,
                path,
                compiled.Models,
                compiled.Mode,
                compiled.Block,
                rule.ClosesServerTools ? rule.ServerTools : null));
        }
    }

    private void Add(ModelAliasSettings settings, int index)
    {
        var problems = new List<RuleProblem>();
        _ = ModelAlias.TryCreate(settings.Model, settings.Use, settings.Fallbacks ?? [], problems, out var alias);
        foreach (var problem in problems)
        {
            Report($"{_path}:{nameof(ProviderMappingSettings.Aliases)}:{index}", problem);
        }

        if (alias is not null)
        {
            _aliases.Add(alias);
        }
    }

    // A fault names the path to correct. A warning names the rule, which is easier to recognize.
    private void Report(string path, RuleProblem problem, string? rule = null) =>
        (problem.IsWarning ? _warnings : _faults).Add(new SettingsFault(
            problem.Path.Length == 0 ? path : $"{path}:{problem.Path}",
            problem.IsWarning && rule is not null ? $"rule {rule}: {problem.Message}" : problem.Message));

    private static IEnumerable<(int Index, SettingsObject Entry)> Entries(SettingsNode? section, string name)
    {
        if (section is SettingsObject members && members.Members.TryGetValue(name, out var list) && list is SettingsArray array)
        {
            for (var i = 0; i < array.Items.Count; i++)
            {
                if (array.Items[i] is SettingsObject entry)
                {
                    yield return (i, entry);
                }
            }
        }
    }

    private static string OrderBlock(string providers)
    {
        var items = providers.Split(',', StringSplitOptions.TrimEntries)
            .Select(name => (SettingsNode)new SettingsValue(JsonValueKind.String, name, null));
        var members = SettingsObject.NewMembers();
        members["order"] = new SettingsArray([.. items], null);
        return Encoding.UTF8.GetString(new SettingsObject(members, null).ToUtf8Json());
    }
}
