using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Gateway.Primitives;

namespace Gateway.Alerts;

/// <summary>
/// The gateway's own format of an alert: the body of <c>Json</c>, and the content that the ledger keeps until the alert is posted.
/// </summary>
internal static class AlertJson
{
    private const string TimeFormat = "yyyy-MM-dd'T'HH:mm:ss.fff'Z'";

    // The body is not embedded in HTML. Team ids and references stay readable.
    private static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Writes an object with every member. A member that does not apply is <see langword="null"/>.</summary>
    public static string Write(Alert alert) => Encoding.UTF8.GetString(ToUtf8(writer =>
    {
        writer.WriteStartObject();
        writer.WriteString("type"u8, alert.Kind.ToWord());
        writer.WriteString("id"u8, alert.Id);
        WriteTime(writer, "time"u8, alert.Time);
        writer.WriteString("team"u8, alert.Team);
        writer.WriteString("key"u8, alert.KeyLabel);
        writer.WriteString("period"u8, alert.Budget?.Period.ToString().ToLowerInvariant());
        WriteTime(writer, "period_start"u8, alert.Budget?.Start);
        WriteTime(writer, "resets_at"u8, alert.Budget?.ResetsAt);
        WriteNumber(writer, "limit_usd"u8, alert.Budget?.Limit.ToString());
        WriteNumber(writer, "spent_usd"u8, alert.Budget?.Spent.ToString());
        WriteNumber(writer, "threshold"u8, alert.Threshold?.ToString("0.####", CultureInfo.InvariantCulture));
        WriteNumber(writer, "refused"u8, alert.IsRefused is { } isRefused ? (isRefused ? "true" : "false") : null);
        writer.WriteString("upstream_key"u8, alert.UpstreamKey);
        WriteNumber(writer, "status"u8, alert.Status?.ToString(CultureInfo.InvariantCulture));
        writer.WriteString("text"u8, AlertText.Of(alert).ToString());
        writer.WriteEndObject();
    }));

    /// <summary>Reads an alert from the text of <see cref="Write"/>; <see langword="null"/> for any other text.</summary>
    public static Alert? Read(string text)
    {
        try
        {
            using var document = JsonDocument.Parse(text);
            var root = document.RootElement;
            return AlertKinds.FromWord(root.GetProperty("type"u8).GetString()) is not { } kind ? null : new Alert
            {
                Kind = kind,
                Id = root.GetProperty("id"u8).GetGuid(),
                Time = root.GetProperty("time"u8).GetDateTimeOffset(),
                Team = root.GetProperty("team"u8).GetString() ?? "",
                KeyLabel = root.GetProperty("key"u8).GetString(),
                Budget = ReadBudget(root),
                Threshold = IsNull(root, "threshold"u8, out var threshold) ? null : threshold.GetDecimal(),
                IsRefused = IsNull(root, "refused"u8, out var refused) ? null : refused.GetBoolean(),
                UpstreamKey = root.GetProperty("upstream_key"u8).GetString(),
                Status = IsNull(root, "status"u8, out var status) ? null : status.GetInt32(),
            };
        }
        catch (Exception fault) when (fault is JsonException or KeyNotFoundException or InvalidOperationException
            or FormatException or ArgumentException)
        {
            return null;
        }
    }

    /// <summary>Writes a document.</summary>
    public static byte[] ToUtf8(Action<Utf8JsonWriter> write)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer, Options))
        {
            write(writer);
        }

        return buffer.WrittenSpan.ToArray();
    }

    /// <summary>A time as text.</summary>
    public static string Text(DateTimeOffset time) => time.UtcDateTime.ToString(TimeFormat, CultureInfo.InvariantCulture);

    private static AlertBudget? ReadBudget(JsonElement root) => IsNull(root, "period"u8, out var period)
        ? null
        : new AlertBudget(
            Enum.Parse<BudgetPeriod>(period.GetString() ?? "", ignoreCase: true),
            IsNull(root, "period_start"u8, out var start) ? null : start.GetDateTimeOffset(),
            IsNull(root, "resets_at"u8, out var end) ? null : end.GetDateTimeOffset(),
            ReadMoney(root, "limit_usd"u8),
            ReadMoney(root, "spent_usd"u8));

    private static PicoDollars ReadMoney(JsonElement root, ReadOnlySpan<byte> name) =>
        JsonMembers.Money(root.GetProperty(name)) ?? throw new FormatException();

    private static bool IsNull(JsonElement root, ReadOnlySpan<byte> name, out JsonElement value)
    {
        value = root.GetProperty(name);
        return value.ValueKind == JsonValueKind.Null;
    }

    private static void WriteTime(Utf8JsonWriter writer, ReadOnlySpan<byte> name, DateTimeOffset? time) =>
        writer.WriteString(name, time is { } moment ? Text(moment) : null);

    private static void WriteNumber(Utf8JsonWriter writer, ReadOnlySpan<byte> name, string? number)
    {
        if (number is null)
        {
            writer.WriteNull(name);
        }
        else
        {
            writer.WritePropertyName(name);
            writer.WriteRawValue(number);
        }
    }
}
