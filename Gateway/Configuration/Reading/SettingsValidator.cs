using System.Globalization;
using System.Text.Json;
using Gateway.Configuration.Tree;
using OpenRouterGateway.Transforms.Json;

namespace Gateway.Configuration.Reading;

/// <summary>
/// Checks a tree against its shape. Reports faults, and returns the valid part in canonical form: names as declared, values of variables
/// with the type of their setting, a single item as an array of one. Subtrees that are already canonical are not copied.
/// </summary>
internal sealed class SettingsValidator
{
    private static readonly SettingShape AnyJson = new SettingShape.Raw();

    private readonly SettingsPath _path;
    private readonly ICollection<SettingsFault> _faults;

    private SettingsValidator(string path, ICollection<SettingsFault> faults)
    {
        _path = new SettingsPath(path);
        _faults = faults;
    }

    /// <summary>Checks <paramref name="node"/> against <paramref name="shape"/>.</summary>
    /// <param name="node">The settings as read.</param>
    /// <param name="shape">The shape.</param>
    /// <param name="path">The path of the node.</param>
    /// <param name="faults">Receives every fault.</param>
    /// <returns>
    /// The tree without invalid members, so that the other members can be checked; <see langword="null"/> if the value itself is invalid or
    /// lacks a required member.
    /// </returns>
    public static SettingsNode? Shape(SettingsNode node, SettingShape shape, string path, ICollection<SettingsFault> faults) =>
        new SettingsValidator(path, faults).Shape(node, shape);

    private SettingsNode? Shape(SettingsNode node, SettingShape shape)
    {
        node = Parsed(node, shape);
        return shape switch
        {
            SettingShape.Members members => ShapeMembers(node, members),
            SettingShape.Map map => ShapeMap(node, map),
            SettingShape.List list => ShapeList(node, list),
            SettingShape.Scalar scalar => ShapeScalar(node, scalar),
            _ => ShapeRaw(node),
        };
    }

    private SettingsNode? Shape(string name, SettingsNode node, SettingShape shape)
    {
        _path.Push(name);
        var shaped = Shape(node, shape);
        _path.Pop();
        return shaped;
    }

    private SettingsNode? Shape(int index, SettingsNode node, SettingShape shape)
    {
        _path.Push(index);
        var shaped = Shape(node, shape);
        _path.Pop();
        return shaped;
    }

    /// <summary>Parses the text of a variable if the setting is an object or an array.</summary>
    private SettingsNode Parsed(SettingsNode node, SettingShape shape)
    {
        if (node is not SettingsValue { Type: JsonValueKind.Undefined } text || shape is SettingShape.Scalar)
        {
            return node;
        }

        if (shape is SettingShape.List { TakesOne: true } && !text.Text.TrimStart().StartsWith('['))
        {
            return text with { Type = JsonValueKind.String };
        }

        return SettingsReader.ReadText(text.Text, _path.ToString(), text.Source, _faults)
            ?? (shape is SettingShape.Raw ? text with { Type = JsonValueKind.String } : node);
    }

    private SettingsObject? ShapeMembers(SettingsNode node, SettingShape.Members shape)
    {
        if (node.InFull(shape) is not SettingsObject given)
        {
            return Reject<SettingsObject>(node, shape);
        }

        var known = (OrderedDictionary<string, SettingShape.Member>)shape.Known;
        var members = new CanonicalMembers(given);
        foreach (var (name, value) in given.Members)
        {
            var declared = known.IndexOf(name);
            if (declared < 0)
            {
                Fault(name, Unknown(name, known.Keys) + SettingsReader.From(value.Source));
                members.Drop(name);
            }
            else
            {
                members.Take(name, value, known.GetAt(declared).Key, IsNull(value) ? null : Shape(name, value, known.GetAt(declared).Value.Shape));
            }
        }

        var shaped = members.ToObject();
        var isWhole = true;
        foreach (var (name, member) in known)
        {
            if (member.IsRequired && !shaped.Members.ContainsKey(name))
            {
                isWhole = false;
                if (!given.Members.TryGetValue(name, out var value) || IsNull(value))
                {
                    Fault(name, "is missing; expected " + Describe(member.Shape) + SettingsReader.From(given.Source));
                }
            }
        }

        return isWhole ? shaped : null;
    }

    private SettingsObject? ShapeMap(SettingsNode node, SettingShape.Map shape)
    {
        if (node is not SettingsObject given)
        {
            return Reject<SettingsObject>(node, shape);
        }

        var members = new CanonicalMembers(given);
        foreach (var (name, value) in given.Members)
        {
            if (string.IsNullOrWhiteSpace(name) || name.Contains(':'))
            {
                // .NET's configuration, through which YARP reads its section, splits keys at ':'.
                Fault(name, $"\"{name}\" is not a valid name; expected non-empty text without ':'{SettingsReader.From(value.Source)}");
                members.Drop(name);
            }
            else
            {
                members.Take(name, value, name, IsNull(value) ? null : Shape(name, value, shape.Value));
            }
        }

        return members.ToObject();
    }

    private SettingsArray? ShapeList(SettingsNode node, SettingShape.List shape)
    {
        if (shape.TakesOne && node is SettingsValue { Type: JsonValueKind.String })
        {
            return new SettingsArray([node], node.Source);
        }

        if (node is not SettingsArray given)
        {
            return Reject<SettingsArray>(node, shape);
        }

        var isWhole = true;
        var isCanonical = true;
        var items = new SettingsNode[given.Items.Count];
        for (var i = 0; i < items.Length; i++)
        {
            var good = Shape(i, given.Items[i], shape.Item);
            isWhole &= good is not null;
            isCanonical &= ReferenceEquals(good, given.Items[i]);
            items[i] = good ?? SettingsGap.Instance;
        }

        return isCanonical ? given : isWhole || shape.KeepsPlaces ? new SettingsArray(items, given.Source) : null;
    }

    private SettingsValue? ShapeScalar(SettingsNode node, SettingShape.Scalar shape)
    {
        if (node is not SettingsValue value)
        {
            return Reject<SettingsValue>(node, shape);
        }

        var isText = value.Type is JsonValueKind.String or JsonValueKind.Undefined;
        var isNumber = value.Type is JsonValueKind.Number or JsonValueKind.Undefined;
        var good = shape.Kind switch
        {
            ScalarKind.Text or ScalarKind.Secret when value.Type == JsonValueKind.String => value,
            ScalarKind.Text or ScalarKind.Secret when isText => value with { Type = JsonValueKind.String },
            ScalarKind.AnyText when value.Type != JsonValueKind.Null => value with { Type = JsonValueKind.String },
            ScalarKind.Flag when value.Type is JsonValueKind.True or JsonValueKind.False => value,
            ScalarKind.Flag when value.Type == JsonValueKind.Undefined && bool.TryParse(value.Text, out var flag) =>
                new SettingsValue(flag ? JsonValueKind.True : JsonValueKind.False, flag ? "true" : "false", value.Source),
            ScalarKind.Int32 when isNumber
                && int.TryParse(value.Text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) =>
                value with { Type = JsonValueKind.Number, Text = number.ToString(CultureInfo.InvariantCulture) },
            ScalarKind.Int64 when isNumber
                && long.TryParse(value.Text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) =>
                value with { Type = JsonValueKind.Number, Text = number.ToString(CultureInfo.InvariantCulture) },
            ScalarKind.Decimal when isNumber && TryDecimal(value.Text, out var amount) =>
                value with { Type = JsonValueKind.Number, Text = amount.ToString(CultureInfo.InvariantCulture) },
            ScalarKind.Duration when isText
                && TimeSpan.TryParseExact(value.Text, "c", CultureInfo.InvariantCulture, out var time)
                && value.Text.Contains(':') && !value.Text.Contains('-') =>
                value with { Type = JsonValueKind.String, Text = time.ToString("c", CultureInfo.InvariantCulture) },
            ScalarKind.Word when isText
                && shape.Names!.FirstOrDefault(name => name.Equals(value.Text, StringComparison.OrdinalIgnoreCase)) is { } word =>
                value with { Type = JsonValueKind.String, Text = word },
            ScalarKind.Version when value.Type != JsonValueKind.Null && value.Text is "1.0" or "1.1" or "2" or "2.0" or "3" or "3.0" =>
                value with { Type = JsonValueKind.String },
            ScalarKind.Uri when isText && Uri.TryCreate(value.Text, UriKind.Absolute, out _) => value with { Type = JsonValueKind.String },
            _ => null,
        };

        return good is null ? Reject<SettingsValue>(node, shape) : good.Equals(value) ? value : good;
    }

    /// <summary>
    /// Reads a decimal number without trailing zeros: 100, 100.00 and 1e2 are the same setting. A number that would be rounded is invalid.
    /// </summary>
    private static bool TryDecimal(string text, out decimal number)
    {
        const NumberStyles Style = NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent;
        const int MostDigits = 28;
        if (!decimal.TryParse(text, Style, CultureInfo.InvariantCulture, out number))
        {
            return false;
        }

        var digits = string.Concat(text.TakeWhile(c => c is not ('e' or 'E')).Where(char.IsAsciiDigit)).Trim('0');
        number /= 1.0000000000000000000000000000m;
        return digits.Length <= MostDigits && (number != 0 || digits.Length == 0);
    }

    /// <summary>Converts values of variables inside free-form JSON to the JSON type that they look like.</summary>
    private SettingsNode ShapeRaw(SettingsNode node)
    {
        switch (node)
        {
            case SettingsObject given:
                var members = new CanonicalMembers(given);
                foreach (var (name, value) in given.Members)
                {
                    members.Take(name, value, name, Shape(name, value, AnyJson));
                }

                return members.ToObject();

            case SettingsArray given:
                var items = given.Items.Select((item, i) => Shape(i, item, AnyJson) ?? item).ToArray();
                return items.Zip(given.Items).All(pair => ReferenceEquals(pair.First, pair.Second))
                    ? given
                    : new SettingsArray(items, given.Source);

            default:
                return node;
        }
    }

    private T? Reject<T>(SettingsNode node, SettingShape shape)
        where T : SettingsNode
    {
        var isShown = node is not SettingsValue { Type: not JsonValueKind.Null } value || !(shape.HoldsSecret || MayHoldPassword(value, shape));
        var given = isShown ? node.Kind : "a value that is not shown";
        _faults.Add(new SettingsFault(_path.ToString(), $"got {given}; expected {Describe(shape)}{SettingsReader.From(node.Source)}"));
        return null;
    }

    // A URL with a user name and a password that contains a slash is no URL.
    private static bool MayHoldPassword(SettingsValue value, SettingShape shape) =>
        shape is SettingShape.Scalar { Kind: ScalarKind.Uri } && value.Text?.Contains('@') == true;

    private void Fault(string name, string message)
    {
        _path.Push(name);
        _faults.Add(new SettingsFault(_path.ToString(), message));
        _path.Pop();
    }

    /// <summary>The message for an unknown key.</summary>
    public static string Unknown(string name, IEnumerable<string> known)
    {
        var names = known.ToArray();
        var nearest = NearestName.Find(name, names);
        return $"unknown setting; expected one of {string.Join(", ", names)}{(nearest is null ? "" : $"; did you mean {nearest}?")}";
    }

    /// <summary>Describes the expected value of a shape, for messages.</summary>
    private static string Describe(SettingShape shape) => shape switch
    {
        SettingShape.Members { Shorthand: not null } => "an object or an array",
        SettingShape.Members or SettingShape.Map => "an object",
        SettingShape.List { TakesOne: true } => "a string or an array of strings",
        SettingShape.List => "an array",
        SettingShape.Scalar scalar => scalar.Kind switch
        {
            ScalarKind.Text or ScalarKind.Secret => "a string",
            ScalarKind.Flag => "true or false",
            ScalarKind.Int32 or ScalarKind.Int64 => "a whole number",
            ScalarKind.Decimal => "a decimal number of at most 28 digits, such as 12.50",
            ScalarKind.Duration => "a time in the form \"hh:mm:ss\", such as \"00:00:30\"",
            ScalarKind.Word => "one of " + string.Join(", ", scalar.Names!),
            ScalarKind.Version => "an HTTP version: \"1.1\" or \"2\"",
            ScalarKind.Uri => "an absolute URL",
            ScalarKind.AnyText => "a string, a number, true or false",
            _ => throw new ArgumentOutOfRangeException(nameof(shape)),
        },
        _ => "a value",
    };

    private static bool IsNull(SettingsNode node) => node is SettingsValue { Type: JsonValueKind.Null };

    /// <summary>Builds an object in canonical form. A copy is made only if it differs from the given one.</summary>
    private struct CanonicalMembers(SettingsObject given)
    {
        private OrderedDictionary<string, SettingsNode>? _changed;
        private int _kept;

        public void Take(string name, SettingsNode value, string declared, SettingsNode? good)
        {
            if (_changed is null && ReferenceEquals(good, value) && name == declared)
            {
                _kept++;
                return;
            }

            Copy();
            if (good is not null)
            {
                _changed![declared] = good;
            }
        }

        public void Drop(string name) => Take(name, given, name, null);

        public readonly SettingsObject ToObject() => _changed is null ? given : new SettingsObject(_changed, given.Source);

        private void Copy()
        {
            if (_changed is null)
            {
                _changed = SettingsObject.NewMembers();
                foreach (var (name, value) in given.Members.Take(_kept))
                {
                    _changed[name] = value;
                }
            }
        }
    }
}
