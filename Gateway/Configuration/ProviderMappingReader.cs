using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Gateway.Transforms.ProviderMapping;

namespace Gateway.Configuration;

/// <summary>Turns section <c>ProviderMapping</c> and the short forms of flags and variables into compiled rules.</summary>
internal sealed class ProviderMappingReader
{
    private readonly ICollection<SettingsFault> _faults;
    private readonly ICollection<SettingsFault> _warnings;
    private readonly Dictionary<string, string> _names = new(StringComparer.OrdinalIgnoreCase);

    private ProviderMappingReader(ICollection<SettingsFault> faults, ICollection<SettingsFault> warnings)
    {
        _faults = faults;
        _warnings = warnings;
    }

    private List<ProviderRule> Rules { get; } = [];

    private List<ModelAlias> Aliases { get; } = [];

    private List<RuleSummary> Summaries { get; } = [];

    /// <summary>Reads the rules and aliases.</summary>
    /// <param name="section">The section, not yet held against its shape.</param>
    /// <param name="mappings">The short forms; their rules come first.</param>
    /// <param name="faults">Takes every fault.</param>
    /// <param name="warnings">Takes what is odd.</param>
    public static (ProviderMappingSettings Settings, ProviderMappingRules Rules, IReadOnlyList<RuleSummary> Summaries) Read(
        SettingsNode section, IReadOnlyList<MappingText> mappings, ICollection<SettingsFault> faults, ICollection<SettingsFault> warnings)
    {
        var reader = new ProviderMappingReader(faults, warnings);
        var rules = new List<ProviderRuleSettings>();
        var aliases = new List<ModelAliasSettings>();
        foreach (var mapping in mappings)
        {
            reader.Add(mapping);
        }

        // First what is wrong with the shape. Then entry by entry: a misspelt key in one must not hide a bad pattern in the next.
        SettingsShaper.Shape(section, SettingsSchema.Sections[SettingsSchema.ProviderMapping], SettingsSchema.ProviderMapping, faults);
        foreach (var (i, entry) in Entries(section, nameof(ProviderMappingSettings.Rules)))
        {
            if (Bind(entry, SettingsJsonContext.Default.ProviderRuleSettings) is { } rule)
            {
                rules.Add(rule);
                reader.Add(rule, i);
            }
        }

        foreach (var (i, entry) in Entries(section, nameof(ProviderMappingSettings.Aliases)))
        {
            if (Bind(entry, SettingsJsonContext.Default.ModelAliasSettings) is { } alias)
            {
                aliases.Add(alias);
                reader.Add(alias, i);
            }
        }

        return (
            new ProviderMappingSettings { Rules = rules, Aliases = aliases },
            new ProviderMappingRules(reader.Rules, reader.Aliases),
            reader.Summaries);
    }

    private void Add(MappingText mapping)
    {
        var problems = new List<RuleProblem>();
        var rule = ProviderRule.ParseMapping(mapping.Text, mapping.Name, problems);
        foreach (var problem in problems)
        {
            Report(mapping.Source, problem with { Path = "" }, mapping.Name);
        }

        _names.Add(mapping.Name, mapping.Source);
        if (rule is not null)
        {
            Rules.Add(rule);
            var parts = mapping.Text.Split('=', 2, StringSplitOptions.TrimEntries);
            Summaries.Add(new RuleSummary(rule.Name, mapping.Source, [parts[0]], rule.Mode, OrderBlock(parts[1])));
        }
    }

    private void Add(ProviderRuleSettings settings, int index)
    {
        var path = $"{SettingsSchema.ProviderMapping}:{nameof(ProviderMappingSettings.Rules)}:{index}";
        var name = settings.Name ?? $"rule-{index + 1}";
        if (!_names.TryAdd(name, path))
        {
            var given = $"\"{name}\"{(settings.Name is null ? ", the default here," : "")}";
            _faults.Add(new SettingsFault($"{path}:Name", $"{given} is the name of {_names[name]} already; expected every name once"));
        }

        var problems = new List<RuleProblem>();
        var rule = ProviderRule.Create(name, settings.Model, settings.Provider, settings.WhenClientSetsProvider, problems);
        foreach (var problem in problems)
        {
            Report(path, problem, name);
        }

        if (rule is not null)
        {
            Rules.Add(rule);
            Summaries.Add(new RuleSummary(name, path, settings.Model, settings.WhenClientSetsProvider, settings.Provider.GetRawText()));
        }
    }

    private void Add(ModelAliasSettings settings, int index)
    {
        var problems = new List<RuleProblem>();
        var alias = ModelAlias.Create(settings.Model, settings.Use, settings.Fallbacks ?? [], problems);
        foreach (var problem in problems)
        {
            Report($"{SettingsSchema.ProviderMapping}:{nameof(ProviderMappingSettings.Aliases)}:{index}", problem);
        }

        if (alias is not null)
        {
            Aliases.Add(alias);
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
                if (SettingsShaper.Shape(array.Items[i], shape, "", new List<SettingsFault>()) is { } entry)
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
