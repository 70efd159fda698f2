using System.Text.Json;
using OpenRouterGateway.Transforms.Json;

namespace OpenRouterGateway.Transforms.ProviderMapping.Blocks;

/// <summary>An entry of a list of providers or quantizations.</summary>
/// <param name="Text">The entry, escapes resolved.</param>
/// <param name="Canonical">The canonical name, for comparison.</param>
/// <param name="Raw">The JSON string as written, quotes included.</param>
internal readonly record struct ProviderListEntry(string Text, string Canonical, ReadOnlyMemory<byte> Raw)
{
    /// <summary>Whether this entry includes every endpoint of <paramref name="other"/>.</summary>
    public bool Covers(ProviderListEntry other) => ProviderNames.Covers(Canonical, other.Canonical);

    /// <summary>Reads a JSON array of strings; <see langword="null"/> for any other JSON.</summary>
    public static List<ProviderListEntry>? ReadAll(ReadOnlyMemory<byte> json)
    {
        var reader = new Utf8JsonReader(json.Span, JsonText.AnyDepth);
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartArray)
        {
            return null;
        }

        var names = new List<ProviderListEntry>();
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            if (reader.TokenType != JsonTokenType.String)
            {
                return null;
            }

            var text = JsonStringDecoder.Decode(reader.ValueSpan);
            names.Add(new ProviderListEntry(text, ProviderNames.Canonical(text), json[(int)reader.TokenStartIndex..(int)reader.BytesConsumed]));
        }

        return names;
    }

    /// <summary>Writes a JSON array. Every entry keeps its spelling.</summary>
    public static byte[] WriteAll(List<ProviderListEntry> names)
    {
        var json = new List<byte> { (byte)'[' };
        foreach (var name in names)
        {
            if (json.Count > 1)
            {
                json.Add((byte)',');
            }

            json.AddRange(name.Raw.Span);
        }

        json.Add((byte)']');
        return [.. json];
    }
}
