using System.Buffers;
using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using Gateway.Primitives;
using Gateway.Teams;

namespace Gateway.SelfService;

/// <summary>Writes accounts in the shape of OpenRouter's <c>GET /key</c> and <c>GET /credits</c>. Amounts are exact decimals.</summary>
internal static class AccountJson
{
    private static readonly JsonWriterOptions Relaxed = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>The response of <c>/key</c>.</summary>
    /// <param name="key">The key of the request.</param>
    /// <param name="account">Its account, or that of its team.</param>
    public static ReadOnlyMemory<byte> RenderKey(TeamKey key, TeamAccount account) => Render(json =>
    {
        json.WriteString("label"u8, key.Label);
        Amount("limit"u8, account.Budget?.Limit);
        Amount("limit_remaining"u8, account.Left);
        json.WriteString("limit_reset"u8, ResetOf(account.Budget));
        json.WriteBoolean("include_byok_in_limit"u8, account.Budget is { IncludesByok: true });
        Amount("usage"u8, account.Ever.Charged);
        Amount("usage_daily"u8, account.Day.Charged);
        Amount("usage_weekly"u8, account.Week.Charged);
        Amount("usage_monthly"u8, account.Month.Charged);
        Amount("byok_usage"u8, account.Ever.Byok);
        Amount("byok_usage_daily"u8, account.Day.Byok);
        Amount("byok_usage_weekly"u8, account.Week.Byok);
        Amount("byok_usage_monthly"u8, account.Month.Byok);
        json.WriteBoolean("is_free_tier"u8, false);
        json.WriteBoolean("is_management_key"u8, false);
        json.WriteBoolean("is_provisioning_key"u8, false);
        json.WriteString(
            "expires_at"u8, key.Expires?.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture));
        WriteConstants(json);

        void Amount(ReadOnlySpan<byte> name, PicoDollars? amount) => Write(json, name, amount);
    });

    /// <summary>The response of <c>/credits</c>: the limit of the budget that leaves least, and the charges of its counter.</summary>
    public static ReadOnlyMemory<byte> RenderCredits(BudgetBalance least) => Render(json =>
    {
        Write(json, "total_credits"u8, least.Limit);
        Write(json, "total_usage"u8, least.Charged);
    });

    /// <summary>
    /// The members about OpenRouter's account, which a team does not see. OpenRouter's SDKs reject a response without them, and a number of
    /// free requests that is zero reads as exhausted.
    /// </summary>
    private static void WriteConstants(Utf8JsonWriter json)
    {
        json.WriteNull("creator_user_id"u8);
        json.WriteNull("organization_id"u8);
        json.WriteNull("workspace_id"u8);
        json.WriteStartArray("allowed_data_regions"u8);
        json.WriteStringValue("global"u8);
        json.WriteEndArray();
        json.WriteStartObject("free_model_daily_requests"u8);
        json.WriteNumber("limit"u8, 1000);
        json.WriteNumber("remaining"u8, 1000);
        json.WriteNumber("used"u8, 0);
        json.WriteEndObject();
        json.WriteStartObject("rate_limit"u8);
        json.WriteNumber("requests"u8, -1);
        json.WriteString("interval"u8, "10s"u8);
        json.WriteString("note"u8, "This member is deprecated; the x-ratelimit headers of responses have the limits."u8);
        json.WriteEndObject();
    }

    private static string? ResetOf(TeamBudget? budget) => budget?.Period switch
    {
        BudgetPeriod.Day => "daily",
        BudgetPeriod.Week => "weekly",
        BudgetPeriod.Month => "monthly",
        BudgetPeriod.Total or null => null,
        var other => throw new InvalidOperationException($"{other} is not a period."),
    };

    private static void Write(Utf8JsonWriter json, ReadOnlySpan<byte> name, PicoDollars? amount)
    {
        json.WritePropertyName(name);
        json.WriteRawValue(amount?.ToString() ?? "null");
    }

    private static ReadOnlyMemory<byte> Render(Action<Utf8JsonWriter> writeData)
    {
        var output = new ArrayBufferWriter<byte>();
        using var json = new Utf8JsonWriter(output, Relaxed);
        json.WriteStartObject();
        json.WriteStartObject("data"u8);
        writeData(json);
        json.WriteEndObject();
        json.WriteEndObject();
        json.Flush();
        return output.WrittenMemory;
    }
}
