namespace Gateway.Configuration.Tree;

/// <summary>The shape of a node of the settings.</summary>
internal abstract record SettingShape
{
    /// <summary>An object with known members.</summary>
    /// <param name="Known">The members.</param>
    /// <param name="Shorthand">The member that an array in place of the object stands for; <see langword="null"/> for none.</param>
    public sealed record Members(IReadOnlyDictionary<string, Member> Known, string? Shorthand = null) : SettingShape
    {
        /// <summary>The same object without some of its members.</summary>
        public Members Without(params ReadOnlySpan<string> names)
        {
            var known = new OrderedDictionary<string, Member>(Known, StringComparer.OrdinalIgnoreCase);
            foreach (var name in names)
            {
                known.Remove(name);
            }

            return this with { Known = known };
        }
    }

    /// <summary>An object with free keys, whose values have one shape.</summary>
    public sealed record Map(SettingShape Value) : SettingShape;

    /// <summary>An array whose items have one shape.</summary>
    /// <param name="Item">The shape of an item.</param>
    /// <param name="TakesOne">Whether a single item is allowed without an array.</param>
    /// <param name="KeepsPlaces">
    /// Whether an invalid item becomes a <c>SettingsGap</c>, so that the other items are checked too; otherwise the whole array is invalid.
    /// </param>
    public sealed record List(SettingShape Item, bool TakesOne = false, bool KeepsPlaces = false) : SettingShape;

    /// <summary>A single value. <paramref name="Names"/> lists the words of an enumeration.</summary>
    public sealed record Scalar(ScalarKind Kind, IReadOnlyList<string>? Names = null) : SettingShape;

    /// <summary>Any JSON, kept as written.</summary>
    public sealed record Raw : SettingShape;

    /// <summary>A member of an object.</summary>
    public readonly record struct Member(SettingShape Shape, bool IsRequired = false);

    public static SettingShape TextValue { get; } = new Scalar(ScalarKind.Text);
    public static SettingShape FlagValue { get; } = new Scalar(ScalarKind.Flag);
    public static SettingShape Int32Value { get; } = new Scalar(ScalarKind.Int32);
    public static SettingShape Int64Value { get; } = new Scalar(ScalarKind.Int64);
    public static SettingShape DecimalValue { get; } = new Scalar(ScalarKind.Decimal);
    public static SettingShape SecretValue { get; } = new Scalar(ScalarKind.Secret);
    public static SettingShape DurationValue { get; } = new Scalar(ScalarKind.Duration);
    public static SettingShape TextsValue { get; } = new List(TextValue, TakesOne: true);
    public static SettingShape RawValue { get; } = new Raw();

    /// <summary>Whether the node may hold a secret, which messages must not show.</summary>
    public bool HoldsSecret => this switch
    {
        Members members => members.Known.Values.Any(member => member.Shape.HoldsSecret),
        Map map => map.Value.HoldsSecret,
        List list => list.Item.HoldsSecret,
        Scalar scalar => scalar.Kind == ScalarKind.Secret,
        _ => false,
    };

    /// <summary>The shape of a member; <see langword="null"/> if there is no such member.</summary>
    public SettingShape? Of(string name) => this switch
    {
        Members members => members.Known.TryGetValue(name, out var member) ? member.Shape : null,
        Map map => map.Value,
        _ => this,
    };

    /// <summary>The shape of an object without a settings type.</summary>
    public static Members Object(params ReadOnlySpan<(string Name, SettingShape Shape)> members)
    {
        var known = new OrderedDictionary<string, Member>(StringComparer.OrdinalIgnoreCase);
        foreach (var (name, shape) in members)
        {
            known.Add(name, new Member(shape));
        }

        return new Members(known);
    }

    /// <summary>The words of an enumeration.</summary>
    public static SettingShape OneOf<TEnum>()
        where TEnum : struct, Enum => OneOf(typeof(TEnum));

    /// <summary>The words of an enumeration.</summary>
    public static SettingShape OneOf(Type enumeration) => new Scalar(ScalarKind.Word, Enum.GetNames(enumeration));
}
