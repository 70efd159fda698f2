using System.Collections.Frozen;

namespace OpenRouterGateway.Transforms.ProviderMapping.Settings;

/// <summary>The JSON types that a string of the configuration may stand for.</summary>
internal sealed class ConfigurationShape
{
    // Unknown members, and `options` of the image endpoints, whose members the providers define: a value that reads as a boolean or a
    // number becomes one.
    private static readonly ConfigurationShape Any = new() { TakesText = true, TakesFlag = true, TakesNumber = true };

    private static readonly ConfigurationShape Text = new() { TakesText = true };
    private static readonly ConfigurationShape Flag = new() { TakesText = true, TakesFlag = true };
    private static readonly ConfigurationShape Number = new() { TakesText = true, TakesNumber = true };
    private static readonly ConfigurationShape Texts = List(Text);
    private static readonly ConfigurationShape TextOrTexts = new() { TakesText = true, IsList = true, Item = Text };
    private static readonly ConfigurationShape Percentiles = new()
    {
        TakesText = true,
        TakesNumber = true,
        Members = Table(("p50", Number), ("p75", Number), ("p90", Number), ("p99", Number)),
        Other = Number,
    };

    private static readonly ConfigurationShape Provider = Object(
        Any,
        ("order", Texts),
        ("only", Texts),
        ("ignore", Texts),
        ("quantizations", Texts),
        ("allow_fallbacks", Flag),
        ("require_parameters", Flag),
        ("zdr", Flag),
        ("enforce_distillable_text", Flag),
        ("data_collection", Text),
        ("sort", new ConfigurationShape { TakesText = true, Members = Table(("by", Text), ("partition", Text)), Other = Text }),
        ("max_price", Object(Number, ("prompt", Number), ("completion", Number), ("request", Number), ("image", Number), ("audio", Number))),
        ("preferred_min_throughput", Percentiles),
        ("preferred_max_latency", Percentiles),
        ("options", new ConfigurationShape { TakesText = true, Members = Table(), Other = Any }));

    private static readonly ConfigurationShape Rules = List(Object(
        Text, ("Name", Text), ("Model", TextOrTexts), ("WhenClientSetsProvider", Text), ("Provider", Provider), ("ServerTools", TextOrTexts)));

    private static readonly ConfigurationShape Aliases = List(Object(Text, ("Model", Text), ("Use", Text), ("Fallbacks", Texts)));

    /// <summary>The whole section.</summary>
    public static ConfigurationShape Section { get; } = Object(
        Text,
        ("Rules", Rules),
        ("Aliases", Aliases),
        ("RuleSets", Object(Object(Text, ("Rules", Rules), ("Aliases", Aliases)))));

    /// <summary>Whether strings are allowed. If not, an empty value is an empty list or object.</summary>
    public bool TakesText { get; private init; }

    /// <summary>Whether booleans are allowed: <c>true</c> and <c>false</c>.</summary>
    public bool TakesFlag { get; private init; }

    /// <summary>Whether numbers are allowed, as JSON spells them.</summary>
    public bool TakesNumber { get; private init; }

    /// <summary>Whether entries below the setting are a list.</summary>
    public bool IsList { get; private init; }

    /// <summary>The members of an object by name; <see langword="null"/> if the setting is not an object with known members.</summary>
    public FrozenDictionary<string, (string Name, ConfigurationShape Shape)>? Members { get; private init; }

    /// <summary>The shape of a list's items.</summary>
    public ConfigurationShape Item { get => field ?? Any; private init; }

    private ConfigurationShape Other { get => field ?? Any; init; }

    /// <summary>Finds a member. Returns its name as the API spells it, and its shape.</summary>
    public (string Name, ConfigurationShape Shape) Find(string key) =>
        Members is not null && Members.TryGetValue(key, out var known) ? known : (key, Other);

    private static ConfigurationShape List(ConfigurationShape item) => new() { IsList = true, Item = item };

    private static ConfigurationShape Object(ConfigurationShape other, params ReadOnlySpan<(string Name, ConfigurationShape Shape)> members) =>
        new() { Members = Table(members), Other = other };

    private static FrozenDictionary<string, (string Name, ConfigurationShape Shape)> Table(
        params ReadOnlySpan<(string Name, ConfigurationShape Shape)> members)
    {
        var table = new Dictionary<string, (string Name, ConfigurationShape Shape)>(StringComparer.OrdinalIgnoreCase);
        foreach (var member in members)
        {
            table[member.Name] = member;
        }

        return table.ToFrozenDictionary(StringComparer.OrdinalIgnoreCase);
    }
}
