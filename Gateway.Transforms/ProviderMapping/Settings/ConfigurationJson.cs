using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Microsoft.Extensions.Configuration;
using OpenRouterGateway.Transforms.Json;

namespace OpenRouterGateway.Transforms.ProviderMapping.Settings;

/// <summary>
/// Converts a configuration section back to JSON. Configuration holds only strings. The type of each value follows from the setting, and
/// for members of <c>provider</c> from OpenRouter's API (see <see cref="ConfigurationShape"/>). A value that does not fit its type is
/// written as a string, so that the reader of the JSON reports it.
/// </summary>
internal static class ConfigurationJson
{
    private static readonly JsonWriterOptions WriterOptions = new()
    {
        // The blocks are sent upstream: text needs no escapes there.
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        MaxDepth = int.MaxValue,
    };

    /// <summary>Writes a section.</summary>
    /// <param name="section">The section.</param>
    /// <param name="problems">Receives faults that JSON cannot express: gaps in a list, a value together with entries below it.</param>
    public static byte[] Write(IConfiguration section, ICollection<RuleProblem> problems)
    {
        var output = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(output, WriterOptions))
        {
            WriteMembers(writer, [.. section.GetChildren()], ConfigurationShape.Section, "", problems);
        }

        return output.WrittenSpan.ToArray();
    }

    private static void Write(
        Utf8JsonWriter writer, IConfigurationSection node, ConfigurationShape shape, string path, ICollection<RuleProblem> problems)
    {
        List<IConfigurationSection> children = [.. node.GetChildren()];
        if (children.Count == 0)
        {
            WriteValue(writer, node.Value, shape, path, problems);
            return;
        }

        // An empty list or object of another source leaves an empty value behind.
        if (!string.IsNullOrEmpty(node.Value))
        {
            problems.Add(new RuleProblem(path, $"got {JsonText.Quoted(node.Value)} together with entries below it, expected one of the two"));
        }

        if (shape.IsList || (shape.Members is null && HasIndexes(children)))
        {
            WriteList(writer, children, shape, path, problems);
        }
        else
        {
            WriteMembers(writer, children, shape, path, problems);
        }
    }

    private static void WriteMembers(
        Utf8JsonWriter writer,
        List<IConfigurationSection> children,
        ConfigurationShape shape,
        string path,
        ICollection<RuleProblem> problems)
    {
        writer.WriteStartObject();
        foreach (var child in children)
        {
            // Configuration keys are case-insensitive, OpenRouter's members are not.
            var (name, member) = shape.Find(child.Key);
            var memberPath = Join(path, JsonText.Printable(name));
            if (!JsonText.IsWellFormed(name))
            {
                problems.Add(new RuleProblem(memberPath, "is not well-formed UTF-16"));
                continue;
            }

            writer.WritePropertyName(name);
            Write(writer, child, member, memberPath, problems);
        }

        writer.WriteEndObject();
    }

    private static void WriteList(
        Utf8JsonWriter writer,
        List<IConfigurationSection> children,
        ConfigurationShape shape,
        string path,
        ICollection<RuleProblem> problems)
    {
        writer.WriteStartArray();
        for (var i = 0; i < children.Count; i++)
        {
            // A gap is a mistake of an overlay: it would shift the following entries.
            if (!IsIndex(children[i], i))
            {
                problems.Add(new RuleProblem(Join(path, JsonText.Printable(children[i].Key)), $"expected the index {i}: a list has no gaps"));
            }

            Write(writer, children[i], shape.Item, Join(path, JsonText.Printable(children[i].Key)), problems);
        }

        writer.WriteEndArray();
    }

    private static void WriteValue(
        Utf8JsonWriter writer, string? value, ConfigurationShape shape, string path, ICollection<RuleProblem> problems)
    {
        if (string.IsNullOrEmpty(value) && shape.IsList && !shape.TakesText)
        {
            // An empty list is null before .NET 10, and an empty string since.
            writer.WriteStartArray();
            writer.WriteEndArray();
        }
        else if (string.IsNullOrEmpty(value) && shape.Members is not null && !shape.TakesText && !shape.TakesNumber)
        {
            writer.WriteStartObject();
            writer.WriteEndObject();
        }
        else if (value is null)
        {
            writer.WriteNullValue();
        }
        else if (shape.TakesFlag && bool.TryParse(value, out var flag))
        {
            writer.WriteBooleanValue(flag);
        }
        else if (shape.TakesNumber && IsNumber(value))
        {
            writer.WriteRawValue(value);
        }
        else if (JsonText.IsWellFormed(value))
        {
            writer.WriteStringValue(value);
        }
        else
        {
            problems.Add(new RuleProblem(path, "is not well-formed UTF-16"));
            writer.WriteNullValue();
        }
    }

    private static bool HasIndexes(List<IConfigurationSection> children)
    {
        for (var i = 0; i < children.Count; i++)
        {
            if (!IsIndex(children[i], i))
            {
                return false;
            }
        }

        return true;
    }

    private static bool IsIndex(IConfigurationSection child, int index) =>
        child.Key == index.ToString(CultureInfo.InvariantCulture);

    private static bool IsNumber(string value)
    {
        // Spaces around a number are not part of it, but the reader below would skip them.
        if (value.Length == 0 || !(char.IsAsciiDigit(value[0]) || value[0] == '-') || !char.IsAsciiDigit(value[^1]))
        {
            return false;
        }

        try
        {
            var reader = new Utf8JsonReader(Encoding.UTF8.GetBytes(value));
            return reader.Read() && reader.TokenType == JsonTokenType.Number && !reader.Read();
        }
        catch (JsonException)
        {
            return false;
        }
    }

    private static string Join(string path, string name) => path.Length == 0 ? name : $"{path}:{name}";
}
