using System.Globalization;
using System.Text;

namespace Gateway.Tests.Support;

/// <summary>
/// A JSON value that can be written in many spellings. Unlike the tree of the framework, its objects keep duplicates and the order of their
/// members.
/// </summary>
internal abstract record BodyTree
{
    /// <summary>The shortest spelling.</summary>
    public string Shortest()
    {
        var text = new StringBuilder();
        Write(text, null);
        return text.ToString();
    }

    /// <summary>A spelling with escapes, blanks, longer numbers and another order of members.</summary>
    public string Respelled(TestRandom random)
    {
        var text = new StringBuilder();
        Write(text, random);
        return text.ToString();
    }

    /// <summary>All values inside of this one, itself included.</summary>
    public virtual IEnumerable<BodyTree> All() => [this];

    public abstract void Write(StringBuilder text, TestRandom? random);

    protected static void Blank(StringBuilder text, TestRandom? random)
    {
        if (random?.Next(4) == 0)
        {
            text.Append(" \n\t\r"[random.Next(4)], 1 + random.Next(3));
        }
    }
}

/// <summary>A string.</summary>
/// <param name="Value">Its text.</param>
/// <param name="IsText">Whether it is text to a model.</param>
internal sealed record TreeText(string Value, bool IsText = false) : BodyTree
{
    public string Value { get; set; } = Value;

    public override void Write(StringBuilder text, TestRandom? random) => Quote(text, Value, random);

    public static void Quote(StringBuilder text, string value, TestRandom? random)
    {
        text.Append('"');
        foreach (var character in value)
        {
            // Long data in a few escapes only.
            if (character is '"' or '\\' or < ' ' || (random is not null && !char.IsSurrogate(character) && random.Next(value.Length > 500 ? 500 : 6) == 0))
            {
                text.Append(CultureInfo.InvariantCulture, $"\\u{(int)character:x4}");
            }
            else if (character == '/' && random?.Next(3) == 0)
            {
                text.Append("\\/");
            }
            else
            {
                text.Append(character);
            }
        }

        text.Append('"');
    }
}

/// <summary>A number or a literal.</summary>
internal sealed record TreeRaw(string Json) : BodyTree
{
    public override void Write(StringBuilder text, TestRandom? random)
    {
        text.Append(Json);
        if (random is not null && Json.All(char.IsAsciiDigit))
        {
            text.Append(random.Next(4) switch { 0 => ".0", 1 => "e0", 2 => ".00E+0", _ => "" });
        }
    }
}

/// <summary>An array.</summary>
internal sealed record TreeArray(params List<BodyTree> Items) : BodyTree
{
    public override IEnumerable<BodyTree> All() => Items.SelectMany(item => item.All()).Prepend(this);

    public override void Write(StringBuilder text, TestRandom? random)
    {
        text.Append('[');
        for (var i = 0; i < Items.Count; i++)
        {
            text.Append(i == 0 ? "" : ",");
            Blank(text, random);
            Items[i].Write(text, random);
            Blank(text, random);
        }

        text.Append(']');
    }
}

/// <summary>An object.</summary>
internal sealed record TreeObject(params List<(string Name, BodyTree Value)> Members) : BodyTree
{
    public override IEnumerable<BodyTree> All() => Members.SelectMany(member => member.Value.All()).Prepend(this);

    public override void Write(StringBuilder text, TestRandom? random)
    {
        var members = Members.ToArray();

        // Duplicates keep their order: another one would count.
        for (var i = members.Length - 1; random is not null && i > 0; i--)
        {
            var other = random.Next(i + 1);
            if (Members.Count(member => member.Name == members[i].Name) == 1 && Members.Count(member => member.Name == members[other].Name) == 1)
            {
                (members[i], members[other]) = (members[other], members[i]);
            }
        }

        text.Append('{');
        for (var i = 0; i < members.Length; i++)
        {
            text.Append(i == 0 ? "" : ",");
            Blank(text, random);
            TreeText.Quote(text, members[i].Name, random);
            Blank(text, random);
            text.Append(':');
            Blank(text, random);
            members[i].Value.Write(text, random);
            Blank(text, random);
        }

        text.Append('}');
    }

    /// <summary>A copy with a member at a place of chance.</summary>
    public TreeObject With(TestRandom random, string name, BodyTree value)
    {
        var members = Members.ToList();
        members.Insert(random.Next(members.Count + 1), (name, value));
        return new TreeObject(members);
    }
}
