using System.Text.Json;
using Gateway.Billing;
using Gateway.Metering;
using Gateway.Primitives;

namespace Gateway.Settlement;

/// <summary>
/// Reads an answer of <c>GET /generation?id=</c> (<c>GenerationResponse</c> of OpenRouter's API): the bill of one generation.
/// </summary>
internal static class GenerationReader
{
    /// <summary>The facts with a usage that has a cost, or <see langword="null"/> when the answer holds no bill.</summary>
    public static ResponseFacts? Read(ReadOnlyMemory<byte> body)
    {
        try
        {
            using var document = JsonDocument.Parse(body);
            if (document.RootElement.ValueKind != JsonValueKind.Object
                || !document.RootElement.TryGetProperty("data"u8, out var data)
                || data.ValueKind != JsonValueKind.Object
                || Money(data, "total_cost"u8) is not { } cost
                || cost < PicoDollars.Zero)
            {
                return null;
            }

            return new ResponseFacts
            {
                Model = Text(data, "model"u8),
                Provider = Text(data, "provider_name"u8),
                FinishReason = Text(data, "finish_reason"u8),
                Usage = new Usage
                {
                    PromptTokens = Number(data, "native_tokens_prompt"u8) ?? Number(data, "tokens_prompt"u8),
                    CompletionTokens = Number(data, "native_tokens_completion"u8) ?? Number(data, "tokens_completion"u8),
                    CachedTokens = Number(data, "native_tokens_cached"u8),
                    ReasoningTokens = Number(data, "native_tokens_reasoning"u8),
                    Cost = cost,
                    Discount = Money(data, "cache_discount"u8),
                },
                IsComplete = true,
            };
        }
        catch (Exception fault) when (fault is JsonException or InvalidOperationException)
        {
            // No JSON, or text that is no valid UTF-8.
            return null;
        }
    }

    private static string? Text(JsonElement data, ReadOnlySpan<byte> member) =>
        data.TryGetProperty(member, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private static long? Number(JsonElement data, ReadOnlySpan<byte> member) =>
        data.TryGetProperty(member, out var value) && value.ValueKind == JsonValueKind.Number
            && value.TryGetInt64(out var number) && number >= 0 ? number : null;

    // From the number's own digits: a double would round them.
    private static PicoDollars? Money(JsonElement data, ReadOnlySpan<byte> member) =>
        data.TryGetProperty(member, out var value)
            && value.ValueKind is JsonValueKind.Number or JsonValueKind.String
            && PicoDollars.TryParse(
                System.Text.Encoding.UTF8.GetBytes(value.ValueKind == JsonValueKind.String ? value.GetString()! : value.GetRawText()),
                out var amount)
            ? amount
            : null;
}
