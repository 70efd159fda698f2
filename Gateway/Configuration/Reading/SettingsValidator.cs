using System.Globalization;
using System.Text.Json;
using Gateway.Configuration.Schema;
using Gateway.Primitives;

namespace Gateway.Configuration.Reading;

/// <summary>
/// Holds a tree against a shape: reports what does not fit, and returns what does in one canonical form (names as declared, texts from
/// variables with the type of their setting, one item as an array of one).
/// </summary>
internal static class SettingsValidator
{
    /// <summary>Holds <paramref name="node"/> against <paramref name="shape"/>.</summary>
    /// <param name="node">The settings as read.</param>
    /// <param name="shape">What may stand there.</param>
    /// <param name="path">Where that is.</param>
    /// <param name="faults">Takes every fault.</param>
    /// <returns>
    /// The tree without the members at fault, so that the rest can be judged too; <see langword="null"/> when the value itself is at fault
    /// or lacks a member that it must have.
    /// </returns>
    public static SettingsNode? Shape(SettingsNode node, SettingShape shape, string path, ICollection<SettingsFault> faults)
    {
        node = Parsed(node, shape, path, faults);
        return shape switch
        {
            SettingShape.Members members => ShapeMembers(node, members, path, faults),
            SettingShape.Map map => ShapeMap(node, map, path, faults),
            SettingShape.List list => ShapeList(node, list, path, faults),
            SettingShape.Scalar scalar => ShapeScalar(node, scalar, path, faults),
            _ => ShapeRaw(node, path, faults),
        };
    }

    /// <summary>The tree that a text from a variable holds, where an object or an array is expected.</summary>
    public static SettingsNode Parsed(SettingsNode node, SettingShape shape) => Parsed(node, shape, "", new List<SettingsFault>());

    private static SettingsNode Parsed(SettingsNode node, SettingShape shape, string path, ICollection<SettingsFault> faults)
    {
        if (node is not SettingsValue { Type: JsonValueKind.Undefined } text || shape is SettingShape.Scalar)
        {
            return node;
        }

        if (shape is SettingShape.List { TakesOne: true } && !text.Text.TrimStart().StartsWith('['))
        {
            return text with { Type = JsonValueKind.String };
        }

        return SettingsReader.ReadText(text.Text, path, text.Source, faults)
            ?? (shape is SettingShape.Raw ? text with { Type = JsonValueKind.String } : node);
    }

    private static SettingsObject? ShapeMembers(
        SettingsNode node, SettingShape.Members shape, string path, ICollection<SettingsFault> faults)
    {
        if (node is not SettingsObject given)
        {
            return Reject<SettingsObject>(node, shape, path, faults);
        }

        var members = SettingsObject.NewMembers();
        foreach (var (name, value) in given.Members)
        {
            var memberPath = $"{path}:{name}";
            if (!shape.Known.TryGetValue(name, out var member))
            {
                faults.Add(new SettingsFault(memberPath, Unknown(name, shape.Known.Keys) + SettingsReader.From(value.Source)));
            }
            else if (!IsNull(value) && Shape(value, member.Shape, memberPath, faults) is { } good)
            {
                members[Declared(shape, name)] = good;
            }
        }

        var isWhole = true;
        foreach (var (name, member) in shape.Known)
        {
            if (member.IsRequired && !members.ContainsKey(name))
            {
                isWhole = false;
                if (!given.Members.TryGetValue(name, out var value) || IsNull(value))
                {
                    faults.Add(new SettingsFault(
                        $"{path}:{name}", "is missing; expected " + Describe(member.Shape) + SettingsReader.From(given.Source)));
                }
            }
        }

        return isWhole ? new SettingsObject(members, given.Source) : null;
    }

    private static SettingsObject? ShapeMap(SettingsNode node, SettingShape.Map shape, string path, ICollection<SettingsFault> faults)
    {
        if (node is not SettingsObject given)
        {
            return Reject<SettingsObject>(node, shape, path, faults);
        }

        var members = SettingsObject.NewMembers();
        foreach (var (name, value) in given.Members)
        {
            var memberPath = $"{path}:{name}";
            if (string.IsNullOrWhiteSpace(name) || name.Contains(':'))
            {
                // .NET's configuration, through which YARP reads its section, splits keys there.
                faults.Add(new SettingsFault(
                    memberPath, $"\"{name}\" is no name; expected some text without ':'{SettingsReader.From(value.Source)}"));
            }
            else if (!IsNull(value) && Shape(value, shape.Value, memberPath, faults) is { } good)
            {
                members[name] = good;
            }
        }

        return new SettingsObject(members, given.Source);
    }

    private static SettingsArray? ShapeList(SettingsNode node, SettingShape.List shape, string path, ICollection<SettingsFault> faults)
    {
        if (shape.TakesOne && node is SettingsValue { Type: JsonValueKind.String })
        {
            return new SettingsArray([node], node.Source);
        }

        if (node is not SettingsArray given)
        {
            return Reject<SettingsArray>(node, shape, path, faults);
        }

        var items = new List<SettingsNode>(given.Items.Count);
        var isWhole = true;
        for (var i = 0; i < given.Items.Count; i++)
        {
            if (Shape(given.Items[i], shape.Item, $"{path}:{i}", faults) is { } good)
            {
                items.Add(good);
            }
            else
            {
                isWhole = false;
            }
        }

        return isWhole ? new SettingsArray(items, given.Source) : null;
    }

    private static SettingsValue? ShapeScalar(SettingsNode node, SettingShape.Scalar shape, string path, ICollection<SettingsFault> faults)
    {
        if (node is not SettingsValue value)
        {
            return Reject<SettingsValue>(node, shape, path, faults);
        }

        var isText = value.Type is JsonValueKind.String or JsonValueKind.Undefined;
        var isNumber = value.Type is JsonValueKind.Number or JsonValueKind.Undefined;
        var good = shape.Kind switch
        {
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
                && time >= TimeSpan.Zero && value.Text.Contains(':') =>
                value with { Type = JsonValueKind.String, Text = time.ToString("c", CultureInfo.InvariantCulture) },
            ScalarKind.Word when isText
                && shape.Names!.FirstOrDefault(name => name.Equals(value.Text, StringComparison.OrdinalIgnoreCase)) is { } word =>
                value with { Type = JsonValueKind.String, Text = word },
            ScalarKind.Version when value.Type != JsonValueKind.Null && value.Text is "1.0" or "1.1" or "2" or "2.0" or "3" or "3.0" =>
                value with { Type = JsonValueKind.String },
            ScalarKind.Uri when isText && Uri.TryCreate(value.Text, UriKind.Absolute, out _) => value with { Type = JsonValueKind.String },
            _ => null,
        };

        return good ?? Reject<SettingsValue>(node, shape, path, faults);
    }

    /// <summary>
    /// Reads a decimal number without zeros behind its last decimal: 100, 100.00 and 1e2 are one setting. What would be rounded is none.
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

    /// <summary>Gives the texts of variables inside free-form JSON the type that they look like.</summary>
    private static SettingsNode? ShapeRaw(SettingsNode node, string path, ICollection<SettingsFault> faults)
    {
        switch (node)
        {
            case SettingsObject given:
                var members = SettingsObject.NewMembers();
                foreach (var (name, value) in given.Members)
                {
                    if (Shape(value, new SettingShape.Raw(), $"{path}:{name}", faults) is { } good)
                    {
                        members[name] = good;
                    }
                }

                return new SettingsObject(members, given.Source);

            case SettingsArray given:
                return new SettingsArray(
                    [.. given.Items.Select((item, i) => Shape(item, new SettingShape.Raw(), $"{path}:{i}", faults) ?? item)], given.Source);

            default:
                return node;
        }
    }

    private static T? Reject<T>(SettingsNode node, SettingShape shape, string path, ICollection<SettingsFault> faults)
        where T : SettingsNode
    {
        var isShown = node is not SettingsValue { Type: not JsonValueKind.Null } || !shape.HoldsSecret;
        var given = isShown ? node.Kind : "a value that is not shown";
        faults.Add(new SettingsFault(path, $"got {given}; expected {Describe(shape)}{SettingsReader.From(node.Source)}"));
        return null;
    }

    /// <summary>What to say of a key that nobody knows.</summary>
    public static string Unknown(string name, IEnumerable<string> known)
    {
        var names = known.ToArray();
        var nearest = NearestName.Find(name, names);
        return $"unknown setting; expected one of {string.Join(", ", names)}{(nearest is null ? "" : $"; did you mean {nearest}?")}";
    }

    /// <summary>What a shape takes, in words for a message.</summary>
    private static string Describe(SettingShape shape) => shape switch
    {
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

    private static string Declared(SettingShape.Members shape, string name)
    {
        var known = (OrderedDictionary<string, SettingShape.Member>)shape.Known;
        return known.GetAt(known.IndexOf(name)).Key;
    }

    private static bool IsNull(SettingsNode node) => node is SettingsValue { Type: JsonValueKind.Null };
}
