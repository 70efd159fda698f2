using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Gateway.Ledger;

namespace Gateway.Reports;

/// <summary>Writes usage for programs, as JSON or CSV. Amounts are written as the exact decimals that they are.</summary>
internal static class UsageReport
{
    // It is served as JSON and nothing else: names need no escapes for a page's sake.
    private static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private static readonly SearchValues<char> Quoted = SearchValues.Create(",\"\r\n");

    /// <summary>What the group's own column is called.</summary>
    public static string NameOf(UsageGroup group) => group switch
    {
        UsageGroup.Team => "team",
        UsageGroup.Key => "key",
        UsageGroup.Model => "model",
        UsageGroup.Provider => "provider",
        UsageGroup.Rule => "rule",
        _ => throw new ArgumentOutOfRangeException(nameof(group), group, null),
    };

    /// <summary>The rows as they are shown: the dearest first, equals by name.</summary>
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

    /// <summary>Writes a table as RFC 4180 has it: a line of names, then a line a row, each ended by CR LF.</summary>
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
    /// A name as a field. Model names are text of callers: one that a spreadsheet would take for a formula is kept from being one.
    /// </summary>
    private static string Field(string name)
    {
        var safe = name is ['=' or '+' or '-' or '@' or '\t' or '\r', ..] ? "'" + name : name;
        return safe.AsSpan().ContainsAny(Quoted) ? $"\"{safe.Replace("\"", "\"\"", StringComparison.Ordinal)}\"" : safe;
    }
}
