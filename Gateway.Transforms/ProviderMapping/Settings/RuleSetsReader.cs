using System.Runtime.InteropServices;
using System.Text.Json;
using OpenRouterGateway.Transforms.Json;

namespace OpenRouterGateway.Transforms.ProviderMapping.Settings;

/// <summary>
/// Reads rules, aliases and rule sets from JSON in the shape of the settings. Unknown and repeated members are faults. Names of settings
/// are case-insensitive.
/// </summary>
internal static class RuleSetsReader
{
    /// <summary>The name of the set defined by the section itself.</summary>
    public const string Default = "Default";

    private const string Rules = "Rules";
    private const string Aliases = "Aliases";
    private const string RuleSets = "RuleSets";
    private const string Name = "Name";
    private const string Model = "Model";
    private const string Provider = "Provider";
    private const string Mode = "WhenClientSetsProvider";
    private const string ServerTools = "ServerTools";
    private const string Use = "Use";
    private const string Fallbacks = "Fallbacks";

    private const string AModel = "a model name or a pattern such as \"openai/*\"";

    /// <summary>Comments and trailing commas are allowed, as in appsettings.json.</summary>
    public static readonly JsonDocumentOptions JsonOptions = new()
    {
        CommentHandling = JsonCommentHandling.Skip,
        AllowTrailingCommas = true,
        MaxDepth = int.MaxValue,
    };

    /// <summary>Parses text and reads a value from it. Adds a fault if the text is not JSON.</summary>
    public static T? Parse<T>(string json, ICollection<RuleProblem> problems, Func<JsonElement, ICollection<RuleProblem>, T?> read)
        where T : class
    {
        try
        {
            using var document = JsonDocument.Parse(json, JsonOptions);
            return read(document.RootElement, problems);
        }
        catch (JsonException exception)
        {
            problems.Add(new RuleProblem("", $"is not JSON: {JsonText.Printable(exception.Message)}"));
            return null;
        }
    }

    /// <summary>Parses text and reads a value from it.</summary>
    /// <exception cref="FormatException">The text has faults; the message lists all of them.</exception>
    public static T Parse<T>(string json, string kind, Func<JsonElement, ICollection<RuleProblem>, T?> read)
        where T : class
    {
        var problems = new List<RuleProblem>();
        return Parse(json, problems, read) is { } value && !RuleProblems.HasFault(problems)
            ? value
            : throw new FormatException($"The {kind} has faults:{Environment.NewLine}{RuleProblems.Lines(problems)}");
    }

    /// <summary>Reads a section: <c>Rules</c> and <c>Aliases</c> of the default set, and the named sets in <c>RuleSets</c>.</summary>
    public static Dictionary<string, ProviderMappingRules> ReadSets(JsonElement section, ICollection<RuleProblem> problems)
    {
        var sets = new Dictionary<string, ProviderMappingRules>(StringComparer.OrdinalIgnoreCase);
        var members = Members(section, "", problems, Rules, Aliases, RuleSets);
        if (section.ValueKind == JsonValueKind.Object && !section.EnumerateObject().Any())
        {
            problems.Add(new RuleProblem("", $"is missing or empty, expected {Rules}, {Aliases} or {RuleSets}; no rules are \"{Rules}\": []"));
        }

        sets[Default] = ReadRules(members, "", problems);
        if (members.TryGetValue(RuleSets, out var named))
        {
            foreach (var (name, set) in Members(named, RuleSets, problems))
            {
                var path = $"{RuleSets}:{JsonText.Printable(name)}";
                if (string.Equals(name, Default, StringComparison.OrdinalIgnoreCase))
                {
                    problems.Add(new RuleProblem(path, $"is the set of the section itself; expected its rules in the section's {Rules}"));
                }
                else if (!ProviderRule.IsName(name))
                {
                    problems.Add(new RuleProblem(path, $"got {JsonText.Quoted(name)}, expected {ProviderRule.NameExpected}"));
                }
                else
                {
                    sets[name] = ReadRules(Members(set, path, problems, Rules, Aliases), path, problems);
                }
            }
        }

        return sets;
    }

    /// <summary>Reads one set: <c>Rules</c> and <c>Aliases</c>.</summary>
    public static ProviderMappingRules ReadSet(JsonElement set, ICollection<RuleProblem> problems) =>
        ReadRules(Members(set, "", problems, Rules, Aliases), "", problems);

    /// <summary>Reads one rule.</summary>
    public static ProviderRule? ReadRule(JsonElement rule, ICollection<RuleProblem> problems) =>
        ReadRule(rule, path: "", defaultName: null, problems, names: null);

    /// <summary>Reads one alias.</summary>
    public static ModelAlias? ReadAlias(JsonElement alias, ICollection<RuleProblem> problems) => ReadAlias(alias, path: "", problems);

    private static ProviderMappingRules ReadRules(Dictionary<string, JsonElement> members, string path, ICollection<RuleProblem> problems)
    {
        var rules = new List<ProviderRule>();
        var aliases = new List<ModelAlias>();
        var names = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        foreach (var (i, entry) in Entries(members, Rules, path, "a list of rules", problems))
        {
            if (ReadRule(entry, Join(path, $"{Rules}:{i}"), $"rule-{i + 1}", problems, names) is { } rule)
            {
                rules.Add(rule);
            }
        }

        foreach (var (i, entry) in Entries(members, Aliases, path, "a list of aliases", problems))
        {
            if (ReadAlias(entry, Join(path, $"{Aliases}:{i}"), problems) is { } alias)
            {
                aliases.Add(alias);
            }
        }

        return new ProviderMappingRules(rules, aliases);
    }

    private static ProviderRule? ReadRule(
        JsonElement rule, string path, string? defaultName, ICollection<RuleProblem> problems, Dictionary<string, string>? names)
    {
        var members = Members(rule, path, problems, Name, Model, Provider, Mode, ServerTools);
        if (rule.ValueKind != JsonValueKind.Object)
        {
            return null;
        }

        var found = new List<RuleProblem>();
        var name = Text(members, Name, "a name", found) ?? defaultName ?? "";
        if (names is not null && !names.TryAdd(name, path))
        {
            found.Add(new RuleProblem(
                Name, $"{JsonText.Quoted(name)} is already used by {names[name]}, expected a unique name"));
        }

        var models = Texts(members, Model, AModel, takesOne: true, found);
        var mode = ReadMode(members, found);
        var tools = Texts(members, ServerTools, "a server tool or a pattern such as \"openrouter:*\"", takesOne: true, found);
        _ = ProviderRule.TryCreate(
            name,
            models ?? [],
            members.GetValueOrDefault(Provider),
            mode,
            members.ContainsKey(ServerTools) ? tools : null,
            found,
            out var created);

        // The wrong type of Model is already reported, and the missing pattern follows from it.
        AddAll(models is null ? found.Where(static problem => problem.Message != ProviderRule.NoPattern) : found, path, problems);
        return models is null || tools is null ? null : created;
    }

    private static ModelAlias? ReadAlias(JsonElement alias, string path, ICollection<RuleProblem> problems)
    {
        var members = Members(alias, path, problems, Model, Use, Fallbacks);
        if (alias.ValueKind != JsonValueKind.Object)
        {
            return null;
        }

        var found = new List<RuleProblem>();
        var model = Text(members, Model, AModel, found);
        var use = Text(members, Use, "the name of a model such as \"openai/gpt-4o\"", found);
        var fallbacks = Texts(members, Fallbacks, "a list of model names", takesOne: false, found) ?? [];
        ModelAlias? created = null;
        if (found.Count == 0)
        {
            _ = ModelAlias.TryCreate(model ?? "", use ?? "", fallbacks, found, out created);
        }

        AddAll(found, path, problems);
        return created;
    }

    private static WhenClientSetsProvider ReadMode(Dictionary<string, JsonElement> members, List<RuleProblem> problems)
    {
        const string Expected = "KeepClient, Fill or Enforce";
        var text = Text(members, Mode, Expected, problems);
        switch (text?.ToUpperInvariant())
        {
            case null or "KEEPCLIENT":
                return WhenClientSetsProvider.KeepClient;
            case "FILL":
                return WhenClientSetsProvider.Fill;
            case "ENFORCE":
                return WhenClientSetsProvider.Enforce;
            default:
                problems.Add(new RuleProblem(Mode, $"got {JsonText.Quoted(text)}, expected {Expected}"));
                return WhenClientSetsProvider.KeepClient;
        }
    }

    /// <summary>The members of an object by name. If <paramref name="known"/> is empty, every name is allowed.</summary>
    private static Dictionary<string, JsonElement> Members(
        JsonElement element, string path, ICollection<RuleProblem> problems, params ReadOnlySpan<string> known)
    {
        var members = new Dictionary<string, JsonElement>(StringComparer.OrdinalIgnoreCase);
        if (element.ValueKind != JsonValueKind.Object)
        {
            problems.Add(new RuleProblem(path, $"got {Given(element)}, expected an object"));
            return members;
        }

        foreach (var member in element.EnumerateObject())
        {
            var memberPath = Join(path, JsonText.Printable(member.Name));
            if (!members.TryAdd(member.Name, member.Value))
            {
                problems.Add(new RuleProblem(memberPath, "occurs twice, expected once"));
            }
            else if (!known.IsEmpty && !Contains(known, member.Name))
            {
                problems.Add(new RuleProblem(memberPath, $"is unknown, expected one of {string.Join(", ", known)}"));
            }
        }

        return members;
    }

    private static bool Contains(ReadOnlySpan<string> known, string name)
    {
        foreach (var one in known)
        {
            if (string.Equals(one, name, StringComparison.OrdinalIgnoreCase))
            {
                return true;
            }
        }

        return false;
    }

    private static List<(int Index, JsonElement Entry)> Entries(
        Dictionary<string, JsonElement> members, string name, string path, string expected, ICollection<RuleProblem> problems)
    {
        if (!members.TryGetValue(name, out var list))
        {
            return [];
        }

        if (list.ValueKind == JsonValueKind.Array)
        {
            return [.. list.EnumerateArray().Index()];
        }

        problems.Add(new RuleProblem(Join(path, name), $"got {Given(list)}, expected {expected}"));
        return [];
    }

    private static string? Text(Dictionary<string, JsonElement> members, string name, string expected, List<RuleProblem> problems)
    {
        if (!members.TryGetValue(name, out var value))
        {
            return null;
        }

        if (TextOf(value) is { } text)
        {
            return text;
        }

        problems.Add(new RuleProblem(name, $"got {Given(value)}, expected {expected}"));
        return null;
    }

    /// <summary>The strings of a list, empty if it is missing; <see langword="null"/> after a fault.</summary>
    private static List<string>? Texts(
        Dictionary<string, JsonElement> members, string name, string expected, bool takesOne, List<RuleProblem> problems)
    {
        if (!members.TryGetValue(name, out var value))
        {
            return [];
        }

        if (takesOne && TextOf(value) is { } single)
        {
            return [single];
        }

        if (value.ValueKind != JsonValueKind.Array)
        {
            problems.Add(new RuleProblem(name, $"got {Given(value)}, expected {expected}"));
            return null;
        }

        var texts = new List<string>();
        var before = problems.Count;
        foreach (var (i, entry) in value.EnumerateArray().Index())
        {
            if (TextOf(entry) is { } text)
            {
                texts.Add(text);
            }
            else
            {
                problems.Add(new RuleProblem($"{name}:{i}", $"got {Given(entry)}, expected a string"));
            }
        }

        return problems.Count == before ? texts : null;
    }

    // JsonElement.GetString throws for lone surrogates, which are a fault of the name and not of the JSON.
    private static string? TextOf(JsonElement value) => value.ValueKind == JsonValueKind.String
        ? JsonStringDecoder.Decode(JsonMarshal.GetRawUtf8Value(value)[1..^1])
        : null;

    private static void AddAll(IEnumerable<RuleProblem> found, string path, ICollection<RuleProblem> problems)
    {
        foreach (var problem in found)
        {
            problems.Add(problem with { Path = problem.Path.Length == 0 ? path : Join(path, problem.Path) });
        }
    }

    private static string Given(JsonElement element) => element.ValueKind == JsonValueKind.Undefined
        ? "nothing"
        : JsonText.Printable(JsonText.Shortened(JsonMarshal.GetRawUtf8Value(element)));

    private static string Join(string path, string name) => path.Length == 0 ? name : $"{path}:{name}";
}
