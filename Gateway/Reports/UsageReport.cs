using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Gateway.Ledger;

namespace Gateway.Reports;

/// <summary>Writes usage as JSON or CSV, with exact decimal amounts.</summary>
internal static class UsageReport
{
    // The output is never embedded in HTML, so names need no HTML escapes.
    private static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private static readonly SearchValues<char> Quoted = SearchValues.Create(",\"\r\n");

    /// <summary>The name of the group's column.</summary>
    public static string NameOf(UsageGroup group) => group switch
    {
        UsageGroup.Team => "team",
        UsageGroup.Key => "key",
        UsageGroup.Model => "model",
        UsageGroup.Provider => "provider",
        UsageGroup.Rule => "rule",
        _ => throw new ArgumentOutOfRangeException(nameof(group), group, null),
    };

    /// <summary>The rows in display order: by cost descending, then by name.</summary>
    public static IReadOnlyList<UsageRow> Sort(IEnumerable<UsageRow> rows) =>
        [.. rows.OrderByDescending(row => row.Cost).ThenBy(row => row.Name, StringComparer.Ordinal)];

    /// <summary>Writes <c>{"rows":[…]}</c>.</summary>
    public static ReadOnlyMemory<byte> ToJson(UsageGroup group, IEnumerable<UsageRow> rows)
    {
        var output = new ArrayBufferWriter<byte>();
        var name = JsonEncodedText.Encode(NameOf(group));
        using var json = new Utf8JsonWriter(output, Options);
        json.WriteStartObject();
        json.WriteStartArray("rows"u8);
        foreach (var row in Sort(rows))
        {
            json.WriteStartObject();
            json.WriteString(name, row.Name);
            json.WriteNumber("requests"u8, row.Requests);
            json.WriteNumber("prompt_tokens"u8, row.PromptTokens);
            json.WriteNumber("completion_tokens"u8, row.CompletionTokens);
            json.WritePropertyName("cost_usd"u8);
            json.WriteRawValue(row.Cost.ToString());
            json.WriteNumber("unresolved"u8, row.Unresolved);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
        json.Flush();
        return output.WrittenMemory;
    }

    /// <summary>Writes CSV by RFC 4180: a header line, then a line per row, each terminated by CR LF.</summary>
    public static string ToCsv(UsageGroup group, IEnumerable<UsageRow> rows)
    {
        var text = new StringBuilder();
        text.Append(NameOf(group)).Append(",requests,prompt_tokens,completion_tokens,cost_usd,unresolved\r\n");
        foreach (var row in Sort(rows))
        {
            text.Append(
                CultureInfo.InvariantCulture,
                $"{Field(row.Name)},{row.Requests},{row.PromptTokens},{row.CompletionTokens},{row.Cost},{row.Unresolved}\r\n");
        }

        return text.ToString();
    }

    /// <summary>
    /// A name as a CSV field. Model names come from clients: a name that a spreadsheet would evaluate as a formula is prefixed with an
    /// apostrophe.
    /// </summary>
    private static string Field(string name)
    {
        var safe = name is ['=' or '+' or '-' or '@' or '\t' or '\r', ..] ? "'" + name : name;
        return safe.AsSpan().ContainsAny(Quoted) ? $"\"{safe.Replace("\"", "\"\"", StringComparison.Ordinal)}\"" : safe;
    }
}
