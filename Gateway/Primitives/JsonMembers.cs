using System.Text.Json;

namespace Gateway.Primitives;

/// <summary>
/// Reads values of a parsed document whose text may be invalid. <see cref="JsonDocument"/> checks the grammar only: strings and member
/// names with half a surrogate pair or invalid UTF-8 throw <see cref="InvalidOperationException"/> when they are read or compared.
/// </summary>
internal static class JsonMembers
{
    /// <summary>Finds a member by name. The last duplicate counts. A member whose name cannot be read is skipped.</summary>
    /// <returns>Whether <paramref name="element"/> is an object with such a member.</returns>
    public static bool TryGet(JsonElement element, ReadOnlySpan<byte> name, out JsonElement value)
    {
        value = default;
        if (element.ValueKind != JsonValueKind.Object)
        {
            return false;
        }

        var isFound = false;
        foreach (var member in element.EnumerateObject())
        {
            if (IsNamed(member, name))
            {
                value = member.Value;
                isFound = true;
            }
        }

        return isFound;
    }

    /// <summary>The name of a member, or <see langword="null"/> if it cannot be read.</summary>
    public static string? Name(JsonProperty member)
    {
        try
        {
            return member.Name;
        }
        catch (InvalidOperationException)
        {
            return null;
        }
    }

    /// <summary>The text of a string, or <see langword="null"/> if the value is not a string or cannot be read.</summary>
    public static string? Text(JsonElement value)
    {
        if (value.ValueKind != JsonValueKind.String)
        {
            return null;
        }

        try
        {
            return value.GetString();
        }
        catch (InvalidOperationException)
        {
            return null;
        }
    }

    /// <summary>An amount of money, written as a number or a string. It is parsed from its digits: a double would round them.</summary>
    public static PicoDollars? Money(JsonElement value)
    {
        var text = value.ValueKind == JsonValueKind.Number ? value.GetRawText() : Text(value);
        return text is not null && PicoDollars.TryParse(System.Text.Encoding.UTF8.GetBytes(text), out var amount) ? amount : null;
    }

    private static bool IsNamed(JsonProperty member, ReadOnlySpan<byte> name)
    {
        try
        {
            return member.NameEquals(name);
        }
        catch (InvalidOperationException)
        {
            return false;
        }
    }
}
