using System.Globalization;
using System.Text;
using System.Text.Json;
using Gateway.Configuration.Schema;
using Gateway.Configuration.Tree;

namespace Gateway.Configuration.Reading;

/// <summary>
/// Reads a settings file: JSON with comments, trailing commas and a byte order mark. Duplicate keys are faults. <see cref="JsonDocument"/>
/// is not used: it stops at the first duplicate, compares keys case-sensitively and does not report their place.
/// </summary>
internal static class SettingsReader
{
    private static readonly JsonReaderOptions Options =
        new() { AllowTrailingCommas = true, CommentHandling = JsonCommentHandling.Skip, MaxDepth = 64 };

    /// <summary>Reads an object. A top-level <c>$schema</c> is for editors and left out.</summary>
    /// <param name="utf8">The file's content.</param>
    /// <param name="file">The file's name for messages.</param>
    /// <param name="source">The source for the nodes; <see langword="null"/> for the settings file.</param>
    /// <param name="faults">Receives a fault for each duplicate key.</param>
    /// <param name="syntaxFault">The fault that makes the whole file unreadable, as in an incomplete file.</param>
    /// <returns>The tree; <see langword="null"/> if the file is unreadable.</returns>
    public static SettingsObject? Read(
        ReadOnlySpan<byte> utf8, string file, string? source, ICollection<SettingsFault> faults, out SettingsFault? syntaxFault)
    {
        if (utf8.StartsWith(Encoding.UTF8.Preamble))
        {
            utf8 = utf8[Encoding.UTF8.Preamble.Length..];
        }

        syntaxFault = null;
        try
        {
            var reader = new Utf8JsonReader(utf8, Options);
            reader.Read();
            if (reader.TokenType != JsonTokenType.StartObject)
            {
                syntaxFault = new SettingsFault(file, "is not a JSON object; expected { … }");
                return null;
            }

            var tree = (SettingsObject)ReadNode(ref reader, new SettingsPath(""), source, faults);

            // The reader reports text after the object only at the next read.
            reader.Read();
            return WithoutSchema(tree);
        }
        catch (JsonException fault)
        {
            syntaxFault = new SettingsFault(file, utf8.Length == 0 ? "is empty; expected { … }" : Describe(fault));
        }
        catch (InvalidOperationException)
        {
            syntaxFault = new SettingsFault(file, "contains invalid UTF-8 or an unpaired surrogate");
        }

        return null;
    }

    /// <summary>Reads any JSON value from a variable.</summary>
    /// <returns>The tree; <see langword="null"/> if the text is not JSON.</returns>
    public static SettingsNode? ReadText(string text, string path, string? source, ICollection<SettingsFault> faults)
    {
        try
        {
            var reader = new Utf8JsonReader(Encoding.UTF8.GetBytes(text), Options);
            reader.Read();
            var tree = ReadNode(ref reader, new SettingsPath(path), source, faults);
            reader.Read();
            return tree;
        }
        catch (Exception fault) when (fault is JsonException or InvalidOperationException)
        {
            return null;
        }
    }

    private static SettingsObject WithoutSchema(SettingsObject file)
    {
        if (!file.Members.Keys.Contains(SettingsSchema.JsonSchema, StringComparer.Ordinal))
        {
            return file;
        }

        var members = file.ToMembers();
        members.Remove(SettingsSchema.JsonSchema);
        return file with { Members = members };
    }

    private static SettingsNode ReadNode(ref Utf8JsonReader reader, SettingsPath path, string? source, ICollection<SettingsFault> faults)
    {
        switch (reader.TokenType)
        {
            case JsonTokenType.StartObject:
                var members = SettingsObject.NewMembers();
                while (reader.Read() && reader.TokenType != JsonTokenType.EndObject)
                {
                    var name = reader.GetString()!;
                    path.Push(name);
                    reader.Read();
                    var value = ReadNode(ref reader, path, source, faults);
                    if (!members.TryAdd(name, value))
                    {
                        var first = members.GetAt(members.IndexOf(name)).Key;
                        var spelling = first == name ? "" : $" (\"{first}\" and \"{name}\" are the same key)";
                        faults.Add(new SettingsFault(path.ToString(), $"set twice; expected each key once{spelling}{From(source)}"));
                    }

                    path.Pop();
                }

                return new SettingsObject(members, source);

            case JsonTokenType.StartArray:
                var items = new List<SettingsNode>();
                while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
                {
                    path.Push(items.Count);
                    items.Add(ReadNode(ref reader, path, source, faults));
                    path.Pop();
                }

                return new SettingsArray(items, source);

            case JsonTokenType.String:
                return new SettingsValue(JsonValueKind.String, reader.GetString()!, source);
            case JsonTokenType.Number:
                return new SettingsValue(JsonValueKind.Number, Encoding.UTF8.GetString(reader.ValueSpan), source);
            case JsonTokenType.True:
                return new SettingsValue(JsonValueKind.True, "true", source);
            case JsonTokenType.False:
                return new SettingsValue(JsonValueKind.False, "false", source);
            default:
                return new SettingsValue(JsonValueKind.Null, "null", source);
        }
    }

    /// <summary>The suffix of a message for a source other than the settings file.</summary>
    public static string From(string? source) => source is null ? "" : $" (from {source})";

    private static string Describe(JsonException fault)
    {
        // The message of the exception ends with "LineNumber: 3 | BytePositionInLine: 5.", counted from zero.
        var text = fault.Message;
        var end = text.IndexOf(" LineNumber:", StringComparison.Ordinal);
        text = (end < 0 ? text : text[..end]).TrimEnd('.');
        return string.Create(
            CultureInfo.InvariantCulture,
            $"line {(fault.LineNumber ?? 0) + 1}, column {(fault.BytePositionInLine ?? 0) + 1}: unreadable JSON: {text}");
    }
}
