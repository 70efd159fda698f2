using System.Text.Json;

namespace Gateway.Configuration.Tree;

/// <summary>A node of the settings tree. Immutable.</summary>
/// <param name="Source">
/// The source of the value, for messages: a file, a variable or a flag; <see langword="null"/> for the settings file.
/// </param>
internal abstract record SettingsNode(string? Source)
{
    /// <summary>
    /// Merges two trees: objects merge member by member, all other nodes are replaced. A <c>null</c> above removes the value below, so the
    /// default applies.
    /// </summary>
    /// <param name="below">The tree below.</param>
    /// <param name="above">The tree above.</param>
    /// <param name="shape">Their shape, which knows where an array is short for an object; <see langword="null"/> if it is unknown.</param>
    public static SettingsNode Merge(SettingsNode below, SettingsNode above, SettingShape? shape)
    {
        (below, above) = (below.InFull(shape), above.InFull(shape));
        if (below is not SettingsObject lower || above is not SettingsObject upper)
        {
            return above;
        }

        var members = lower.ToMembers();
        foreach (var (name, value) in upper.Members)
        {
            members[name] = members.TryGetValue(name, out var present) ? Merge(present, value, shape?.Of(name)) : value;
        }

        return new SettingsObject(members, upper.Source);
    }

    /// <summary>The node, or the object that it is short for.</summary>
    public SettingsNode InFull(SettingShape? shape)
    {
        if (this is not SettingsArray || shape is not SettingShape.Members { Shorthand: { } member })
        {
            return this;
        }

        var members = SettingsObject.NewMembers();
        members[member] = this;
        return new SettingsObject(members, Source);
    }

    /// <summary>Whether two trees are equal in order, spelling and source.</summary>
    public abstract bool IsSame(SettingsNode other);

    /// <summary>Writes the tree as JSON. Values of variables, which have no type yet, are written as strings.</summary>
    public abstract void WriteTo(Utf8JsonWriter writer);

    /// <summary>The tree as UTF-8 JSON without white space.</summary>
    public byte[] ToUtf8Json()
    {
        var buffer = new System.Buffers.ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer))
        {
            WriteTo(writer);
        }

        return buffer.WrittenSpan.ToArray();
    }

    /// <summary>The kind of the value, for messages.</summary>
    public abstract string Kind { get; }
}

/// <summary>An object. Member names are case-insensitive. They keep the order and spelling of their first occurrence.</summary>
internal sealed record SettingsObject(IReadOnlyDictionary<string, SettingsNode> Members, string? Source) : SettingsNode(Source)
{
    public static SettingsObject Empty { get; } = new(NewMembers(), null);

    public override string Kind => "an object";

    public static OrderedDictionary<string, SettingsNode> NewMembers() => new(StringComparer.OrdinalIgnoreCase);

    public OrderedDictionary<string, SettingsNode> ToMembers() => new(Members, StringComparer.OrdinalIgnoreCase);

    public override void WriteTo(Utf8JsonWriter writer)
    {
        writer.WriteStartObject();
        foreach (var (name, value) in Members)
        {
            writer.WritePropertyName(name);
            value.WriteTo(writer);
        }

        writer.WriteEndObject();
    }

    public override bool IsSame(SettingsNode other)
    {
        if (ReferenceEquals(this, other))
        {
            return true;
        }

        if (other is not SettingsObject { Members: var others } || Source != other.Source || Members.Count != others.Count)
        {
            return false;
        }

        using var next = others.GetEnumerator();
        foreach (var (name, value) in Members)
        {
            if (!next.MoveNext() || next.Current.Key != name || !value.IsSame(next.Current.Value))
            {
                return false;
            }
        }

        return true;
    }
}

/// <summary>An array.</summary>
internal sealed record SettingsArray(IReadOnlyList<SettingsNode> Items, string? Source) : SettingsNode(Source)
{
    public override string Kind => "an array";

    public override void WriteTo(Utf8JsonWriter writer)
    {
        writer.WriteStartArray();
        foreach (var item in Items)
        {
            item.WriteTo(writer);
        }

        writer.WriteEndArray();
    }

    public override bool IsSame(SettingsNode other) =>
        ReferenceEquals(this, other)
        || (other is SettingsArray { Items: var others }
            && Source == other.Source
            && Items.Count == others.Count
            && Items.Zip(others).All(pair => pair.First.IsSame(pair.Second)));
}

/// <summary>Takes the place of an invalid item, so that the items after it keep their indices.</summary>
internal sealed record SettingsGap() : SettingsNode((string?)null)
{
    public static SettingsGap Instance { get; } = new();

    public override string Kind => "an invalid entry";

    public override void WriteTo(Utf8JsonWriter writer) => writer.WriteNullValue();

    public override bool IsSame(SettingsNode other) => other is SettingsGap;
}

/// <summary>
/// A JSON value: the text of a string, the spelling of a number, <c>true</c>, <c>false</c> or <c>null</c>. The type
/// <see cref="JsonValueKind.Undefined"/> marks the value of a variable or flag, which takes the type of its setting.
/// </summary>
internal sealed record SettingsValue(JsonValueKind Type, string Text, string? Source) : SettingsNode(Source)
{
    public override string Kind => Type switch
    {
        JsonValueKind.Null => "null",
        JsonValueKind.Number or JsonValueKind.True or JsonValueKind.False => Text,
        _ => $"\"{Text}\"",
    };

    public override bool IsSame(SettingsNode other) => Equals(other);

    public override void WriteTo(Utf8JsonWriter writer)
    {
        switch (Type)
        {
            case JsonValueKind.True:
                writer.WriteBooleanValue(true);
                break;
            case JsonValueKind.False:
                writer.WriteBooleanValue(false);
                break;
            case JsonValueKind.Null:
                writer.WriteNullValue();
                break;
            case JsonValueKind.Number:
                // Numbers keep their spelling: 1.50, 1e-7.
                writer.WriteRawValue(Text);
                break;
            default:
                writer.WriteStringValue(Text);
                break;
        }
    }
}
