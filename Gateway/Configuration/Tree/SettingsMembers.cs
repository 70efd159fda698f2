using System.Globalization;
using System.Text.Json;

namespace Gateway.Configuration.Tree;

/// <summary>
/// The members of a settings object, for <see cref="ISettings{TSelf}.Create"/>. The function creates a record from a valid object, or,
/// without an object, describes the record: the shapes and the defaults of its members. Validation, reading and defaults thus come from one
/// place.
/// </summary>
internal sealed class SettingsMembers
{
    private readonly SettingsObject? _given;

    // Only without an object: a reload reads thousands of rules.
    private readonly OrderedDictionary<string, SettingShape.Member>? _shapes;
    private readonly OrderedDictionary<string, SettingsNode>? _defaults;

    private SettingsMembers(SettingsObject given) => _given = given;

    private SettingsMembers()
    {
        _shapes = new(StringComparer.OrdinalIgnoreCase);
        _defaults = SettingsObject.NewMembers();
    }

    /// <summary>Creates a record from an object that has its shape. Members that are missing or <c>null</c> have their defaults.</summary>
    public static T Read<T>(SettingsObject given)
        where T : class, ISettings<T> => T.Create(new SettingsMembers(given));

    /// <summary>The shape of a record and its defaults. Optional members without a default are <c>null</c>.</summary>
    public static (SettingShape.Members Shape, SettingsObject Defaults) Describe<T>(string? shorthand = null)
        where T : class, ISettings<T>
    {
        var members = new SettingsMembers();
        T.Create(members);
        return (new SettingShape.Members(members._shapes!, shorthand), new SettingsObject(members._defaults!, null));
    }

    /// <summary>A required text.</summary>
    public string Text(string name) => Value(name, SettingShape.TextValue, isRequired: true)?.Text ?? "";

    /// <summary>A text.</summary>
    public string Text(string name, string fallback) => Value(name, SettingShape.TextValue, fallback)?.Text ?? fallback;

    /// <summary>A text without a default.</summary>
    public string? OptionalText(string name) => Value(name, SettingShape.TextValue)?.Text;

    /// <summary>A required text that messages do not show.</summary>
    public string Secret(string name) => Value(name, SettingShape.SecretValue, isRequired: true)?.Text ?? "";

    /// <summary>A text that messages do not show.</summary>
    public string Secret(string name, string fallback) => Value(name, SettingShape.SecretValue, fallback)?.Text ?? fallback;

    /// <summary>A text without a default that messages do not show.</summary>
    public string? OptionalSecret(string name) => Value(name, SettingShape.SecretValue)?.Text;

    /// <summary><c>true</c> or <c>false</c>.</summary>
    public bool Flag(string name, bool fallback = false) =>
        Value(name, SettingShape.FlagValue, fallback) is { } value ? value.Type == JsonValueKind.True : fallback;

    /// <summary>A flag without a default.</summary>
    public bool? OptionalFlag(string name) => Value(name, SettingShape.FlagValue) is { } value ? value.Type == JsonValueKind.True : null;

    /// <summary>A whole number of 32 bits.</summary>
    public int Int32(string name, int fallback) =>
        Value(name, SettingShape.Int32Value, fallback) is { } value ? int.Parse(value.Text, CultureInfo.InvariantCulture) : fallback;

    /// <summary>A whole number of 32 bits without a default.</summary>
    public int? OptionalInt32(string name) =>
        Value(name, SettingShape.Int32Value) is { } value ? int.Parse(value.Text, CultureInfo.InvariantCulture) : null;

    /// <summary>A whole number of 64 bits.</summary>
    public long Int64(string name, long fallback) =>
        Value(name, SettingShape.Int64Value, fallback) is { } value ? long.Parse(value.Text, CultureInfo.InvariantCulture) : fallback;

    /// <summary>A whole number of 64 bits without a default.</summary>
    public long? OptionalInt64(string name) =>
        Value(name, SettingShape.Int64Value) is { } value ? long.Parse(value.Text, CultureInfo.InvariantCulture) : null;

    /// <summary>A required decimal number.</summary>
    public decimal Decimal(string name) =>
        Value(name, SettingShape.DecimalValue, isRequired: true) is { } value ? ToDecimal(value) : 0;

    /// <summary>A decimal number without a default.</summary>
    public decimal? OptionalDecimal(string name) => Value(name, SettingShape.DecimalValue) is { } value ? ToDecimal(value) : null;

    /// <summary>Decimal numbers.</summary>
    public IReadOnlyList<decimal> Decimals(string name, IReadOnlyList<decimal> fallback) =>
        Take(name, new SettingShape.List(SettingShape.DecimalValue), fallback) is SettingsArray array
            ? [.. array.Items.Select(item => ToDecimal((SettingsValue)item))]
            : fallback;

    /// <summary>A time.</summary>
    public TimeSpan Duration(string name, TimeSpan fallback) =>
        Value(name, SettingShape.DurationValue, fallback) is { } value ? ToDuration(value) : fallback;

    /// <summary>A time without a default.</summary>
    public TimeSpan? OptionalDuration(string name) => Value(name, SettingShape.DurationValue) is { } value ? ToDuration(value) : null;

    /// <summary>A word of an enumeration.</summary>
    public TEnum Word<TEnum>(string name, TEnum fallback = default)
        where TEnum : struct, Enum => Word(name, typeof(TEnum), fallback) is { } word ? (TEnum)word : fallback;

    /// <summary>A word of an enumeration, without a default.</summary>
    public TEnum? OptionalWord<TEnum>(string name)
        where TEnum : struct, Enum => (TEnum?)Word(name, typeof(TEnum), null);

    /// <summary>Words of an enumeration by free names.</summary>
    public IReadOnlyDictionary<string, TEnum> WordsByName<TEnum>(string name, IReadOnlyDictionary<string, TEnum> fallback)
        where TEnum : struct, Enum => Take(name, new SettingShape.Map(SettingShape.OneOf<TEnum>()), fallback) is SettingsObject map
            ? map.Members.ToDictionary(
                member => member.Key,
                member => (TEnum)ToWord((SettingsValue)member.Value, typeof(TEnum)),
                StringComparer.OrdinalIgnoreCase)
            : fallback;

    /// <summary>Required texts: an array, or a single one.</summary>
    public IReadOnlyList<string> Texts(string name) => ReadTexts(name, isRequired: true) ?? [];

    /// <summary>Texts without a default: an array, or a single one.</summary>
    public IReadOnlyList<string>? OptionalTexts(string name) => ReadTexts(name, isRequired: false);

    /// <summary>Required JSON of any kind.</summary>
    public JsonElement Json(string name) =>
        Take(name, SettingShape.RawValue, isRequired: true) is { } value ? JsonElement.Parse(value.ToUtf8Json()) : default;

    /// <summary>A record that has its defaults where it is not given.</summary>
    public T Object<T>(string name)
        where T : class, ISettings<T>
    {
        if (_given is not null)
        {
            return Read<T>(Find(name) as SettingsObject ?? SettingsObject.Empty);
        }

        var (shape, defaults) = Describe<T>();
        Add(name, shape, defaults);
        return Read<T>(SettingsObject.Empty);
    }

    /// <summary>A record that may be missing.</summary>
    /// <param name="name">The member.</param>
    /// <param name="shorthand">The record's member that an array in place of the record stands for.</param>
    public T? OptionalObject<T>(string name, string? shorthand = null)
        where T : class, ISettings<T>
    {
        if (_given is not null)
        {
            return Find(name) is SettingsObject given ? Read<T>(given) : null;
        }

        Add(name, Describe<T>(shorthand).Shape, ToNode(null));
        return null;
    }

    /// <summary>Records. Default: none.</summary>
    /// <param name="name">The member.</param>
    /// <param name="isRequired">Whether the array must be given.</param>
    /// <param name="keepsPlaces">See <see cref="SettingShape.List"/>.</param>
    public IReadOnlyList<T> List<T>(string name, bool isRequired = false, bool keepsPlaces = false)
        where T : class, ISettings<T>
    {
        if (_given is not null)
        {
            return Find(name) is SettingsArray array ? [.. array.Items.OfType<SettingsObject>().Select(Read<T>)] : [];
        }

        Add(name, new SettingShape.List(Describe<T>().Shape, KeepsPlaces: keepsPlaces), new SettingsArray([], null), isRequired);
        return [];
    }

    private IReadOnlyList<string>? ReadTexts(string name, bool isRequired) =>
        Take(name, SettingShape.TextsValue, null, isRequired) is SettingsArray array
            ? [.. array.Items.Select(item => ((SettingsValue)item).Text)]
            : null;

    // Without a type parameter: each enumeration would be compiled of its own at a start.
    private object? Word(string name, Type type, object? fallback) =>
        Value(name, _given is null ? SettingShape.OneOf(type) : SettingShape.TextValue, fallback) is { } value ? ToWord(value, type) : null;

    private SettingsValue? Value(string name, SettingShape shape, object? fallback = null, bool isRequired = false) =>
        Take(name, shape, fallback, isRequired) as SettingsValue;

    /// <summary>The given node of a member, or <see langword="null"/>. Without an object, describes the member.</summary>
    private SettingsNode? Take(string name, SettingShape shape, object? fallback = null, bool isRequired = false)
    {
        if (_given is not null)
        {
            return Find(name);
        }

        Add(name, shape, ToNode(fallback), isRequired);
        return null;
    }

    private SettingsNode? Find(string name) =>
        _given!.Members.TryGetValue(name, out var node) && node is not SettingsValue { Type: JsonValueKind.Null } ? node : null;

    private void Add(string name, SettingShape shape, SettingsNode fallback, bool isRequired = false)
    {
        _shapes!.Add(name, new SettingShape.Member(shape, isRequired));
        _defaults!.Add(name, fallback);
    }

    private static SettingsNode ToNode(object? value)
    {
        return value switch
        {
            null => new SettingsValue(JsonValueKind.Null, "null", null),
            string text => new SettingsValue(JsonValueKind.String, text, null),
            bool flag => new SettingsValue(flag ? JsonValueKind.True : JsonValueKind.False, flag ? "true" : "false", null),
            TimeSpan time => new SettingsValue(JsonValueKind.String, time.ToString("c", CultureInfo.InvariantCulture), null),
            Enum word => new SettingsValue(JsonValueKind.String, word.ToString(), null),
            System.Collections.IDictionary map => new SettingsObject(MembersOf(map), null),
            System.Collections.IEnumerable items => new SettingsArray([.. items.Cast<object>().Select(ToNode)], null),
            IFormattable number => new SettingsValue(JsonValueKind.Number, number.ToString(null, CultureInfo.InvariantCulture), null),
            _ => throw new NotSupportedException($"{value.GetType()} is not a type of a setting"),
        };

        static OrderedDictionary<string, SettingsNode> MembersOf(System.Collections.IDictionary map)
        {
            var members = SettingsObject.NewMembers();
            foreach (System.Collections.DictionaryEntry entry in map)
            {
                members.Add((string)entry.Key, ToNode(entry.Value));
            }

            return members;
        }
    }

    private static object ToWord(SettingsValue value, Type type) => Enum.Parse(type, value.Text);

    private static decimal ToDecimal(SettingsValue value) => decimal.Parse(value.Text, NumberStyles.Float, CultureInfo.InvariantCulture);

    private static TimeSpan ToDuration(SettingsValue value) => TimeSpan.ParseExact(value.Text, "c", CultureInfo.InvariantCulture);
}
