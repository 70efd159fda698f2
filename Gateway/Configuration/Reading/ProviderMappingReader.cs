using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Gateway.Configuration.Model;
using Gateway.Configuration.Schema;
using Gateway.Rules;
using OpenRouterGateway.Transforms.ProviderMapping;

namespace Gateway.Configuration.Reading;

/// <summary>Turns section <c>ProviderMapping</c> and the short forms of flags and variables into compiled rules.</summary>
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

    private ProviderMappingReader(
        string path,
        string defaultName,
        Dictionary<string, string> names,
        ICollection<SettingsFault> faults,
        ICollection<SettingsFault> warnings)
    {
        _path = path;
        _defaultName = defaultName;
        _names = names;
        _faults = faults;
        _warnings = warnings;
    }

    /// <summary>The section as typed values.</summary>
    public ProviderMappingSettings Settings { get; private set; } = new();

    /// <summary>All rules and aliases, compiled.</summary>
    public ProviderMappingRules Compiled { get; private set; } = ProviderMappingRules.Empty;

    /// <summary>The rules as written, in order.</summary>
    public IReadOnlyList<RuleSummary> Summaries => _summaries;

    /// <summary>Reads the rules and aliases that hold for everybody.</summary>
    /// <param name="section">The section, not yet held against its shape.</param>
    /// <param name="mappings">The short forms; their rules come first.</param>
    /// <param name="faults">Takes every fault.</param>
    /// <param name="warnings">Takes what is odd.</param>
    public static ProviderMappingReader Read(
        SettingsNode section, IReadOnlyList<MappingArgument> mappings, ICollection<SettingsFault> faults, ICollection<SettingsFault> warnings)
    {
        var names = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        var reader = new ProviderMappingReader(SettingsSchema.ProviderMapping, DefaultName, names, faults, warnings);
        foreach (var mapping in mappings)
        {
            reader.Add(mapping);
        }

        // First what is wrong with the shape. Then entry by entry: a misspelt key in one must not hide a bad pattern in the next.
        SettingsValidator.Shape(section, SettingsSchema.Sections[SettingsSchema.ProviderMapping], SettingsSchema.ProviderMapping, faults);
        reader.ReadEntries(section);
        reader.Compiled = new ProviderMappingRules(reader._rules, reader._aliases);
        return reader;
    }

    /// <summary>
    /// Reads a team's own rules and aliases, which come before everybody's; these are shared and not compiled again. A rule of the team
    /// must not be named as one of everybody's, since answers name the rules that were applied; teams among themselves never meet.
    /// </summary>
    /// <param name="section">The team's section as written; faults of its shape are reported already.</param>
    /// <param name="path">Its path.</param>
    public (ProviderMappingRules Rules, IReadOnlyList<RuleSummary> Summaries) ReadTeam(SettingsNode section, string path)
    {
        var names = new Dictionary<string, string>(_names, StringComparer.OrdinalIgnoreCase);
        var reader = new ProviderMappingReader(path, DefaultTeamName, names, _faults, _warnings);
        reader.ReadEntries(SettingsValidator.Parsed(section, SettingsSchema.Sections[SettingsSchema.ProviderMapping]));
        var rules = reader._rules.Count == 0 && reader._aliases.Count == 0
            ? Compiled
            : Compiled.PrecededBy(reader._rules, reader._aliases);
        return (rules, reader._summaries);
    }

    private void ReadEntries(SettingsNode section)
    {
        var rules = new List<ProviderRuleSettings>();
        var aliases = new List<ModelAliasSettings>();
        foreach (var (i, entry) in Entries(section, nameof(ProviderMappingSettings.Rules)))
        {
            if (Bind(entry, SettingsJsonContext.Default.ProviderRuleSettings) is { } rule)
            {
                rules.Add(rule);
                Add(rule, i);
            }
        }

        foreach (var (i, entry) in Entries(section, nameof(ProviderMappingSettings.Aliases)))
        {
            if (Bind(entry, SettingsJsonContext.Default.ModelAliasSettings) is { } alias)
            {
                aliases.Add(alias);
                Add(alias, i);
            }
        }

        Settings = new ProviderMappingSettings { Rules = rules, Aliases = aliases };
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

    private void Add(ProviderRuleSettings settings, int index)
    {
        var path = $"{_path}:{nameof(ProviderMappingSettings.Rules)}:{index}";
        var name = settings.Name ?? $"{_defaultName}-{index + 1}";
        if (!_names.TryAdd(name, path))
        {
            var given = $"\"{name}\"{(settings.Name is null ? ", the default here," : "")}";
            _faults.Add(new SettingsFault($"{path}:Name", $"{given} is the name of {_names[name]} already; expected every name once"));
        }

        var problems = new List<RuleProblem>();
        _ = ProviderRule.TryCreate(name, settings.Model, settings.Provider, settings.WhenClientSetsProvider, problems, out var rule);
        foreach (var problem in problems)
        {
            Report(path, problem, name);
        }

        if (rule is not null)
        {
            _rules.Add(rule);
            _summaries.Add(new RuleSummary(name, path, settings.Model, settings.WhenClientSetsProvider, settings.Provider.GetRawText()));
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

    // A fault is mended where it stands; a warning is about a rule, and people know rules by their names.
    private void Report(string path, RuleProblem problem, string? rule = null) =>
        (problem.IsWarning ? _warnings : _faults).Add(new SettingsFault(
            problem.Path.Length == 0 ? path : $"{path}:{problem.Path}",
            problem.IsWarning && rule is not null ? $"rule {rule}: {problem.Message}" : problem.Message));

    private static IEnumerable<(int Index, SettingsNode Entry)> Entries(SettingsNode section, string name)
    {
        var shape =
            ((SettingShape.List)((SettingShape.Members)SettingsSchema.Sections[SettingsSchema.ProviderMapping]).Known[name].Shape).Item;
        if (section is SettingsObject members && members.Members.TryGetValue(name, out var list) && list is SettingsArray array)
        {
            for (var i = 0; i < array.Items.Count; i++)
            {
                // Faults of the shape are reported already.
                if (SettingsValidator.Shape(array.Items[i], shape, "", new List<SettingsFault>()) is { } entry)
                {
                    yield return (i, entry);
                }
            }
        }
    }

    private static T? Bind<T>(SettingsNode node, JsonTypeInfo<T> type) =>
        JsonSerializer.Deserialize(node.ToUtf8Json(), type);

    private static string OrderBlock(string providers)
    {
        var items = providers.Split(',', StringSplitOptions.TrimEntries)
            .Select(name => (SettingsNode)new SettingsValue(JsonValueKind.String, name, null));
        var members = SettingsObject.NewMembers();
        members["order"] = new SettingsArray([.. items], null);
        return Encoding.UTF8.GetString(new SettingsObject(members, null).ToUtf8Json());
    }
}
