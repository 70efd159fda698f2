using System.Globalization;
using System.Text.Json;
using Gateway.Billing;
using Gateway.Limits;
using Gateway.Primitives;

namespace Gateway.Errors;

/// <summary>The <c>metadata</c> of an error: values for programs beside its message.</summary>
internal sealed class ErrorMetadata
{
    private readonly Action<Utf8JsonWriter> _write;

    private ErrorMetadata(Action<Utf8JsonWriter> write) => _write = write;

    /// <summary>The amounts of a budget that does not cover a request, and whose it is.</summary>
    public static ErrorMetadata Of(BudgetShortfall shortfall) => new(json =>
    {
        WriteAmount(json, "needed_usd", shortfall.Needed);
        WriteAmount(json, "left_usd", shortfall.Left);
        WriteAmount(json, "reserved_usd", shortfall.Reserved);
        json.WriteString("resets_at", Text(shortfall.ResetsAt));
        json.WriteString("scope", shortfall.IsOfKey ? "key" : "team");
    });

    /// <summary>The exhausted limit and its holder.</summary>
    public static ErrorMetadata Of(LimitResult refused) => new(json =>
    {
        json.WriteString("limit", refused.RefusedBy switch
        {
            LimitKind.Requests => "requests",
            LimitKind.Tokens => "tokens",
            LimitKind.Concurrency => "concurrent_requests",
            _ => null,
        });
        json.WriteString("scope", refused.Holder?.Split(':')[0]);
    });

    /// <summary>The end of a budget's period as text, in UTC.</summary>
    public static string? Text(DateTimeOffset? end) => end?.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);

    /// <summary>Writes the member <c>metadata</c>.</summary>
    public void WriteTo(Utf8JsonWriter json)
    {
        json.WriteStartObject("metadata"u8);
        _write(json);
        json.WriteEndObject();
    }

    // Exact decimals, as in reports.
    private static void WriteAmount(Utf8JsonWriter json, string name, PicoDollars amount)
    {
        json.WritePropertyName(name);
        json.WriteRawValue(amount.ToString());
    }
}
