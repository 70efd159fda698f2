using System.Text.Json;
using Gateway.Billing;
using Gateway.Metering;
using Gateway.Primitives;

namespace Gateway.Settlement;

/// <summary>
/// Reads the bill of one generation from the response to <c>GET /generation?id=</c> (<c>GenerationResponse</c> in OpenRouter's API).
/// </summary>
internal static class GenerationReader
{
    /// <summary>
    /// Reads the facts, which include a usage with a cost; <see langword="null"/> if the body has no cost. Skips damaged members. Throws on
    /// no input.
    /// </summary>
    public static ResponseFacts? Read(ReadOnlyMemory<byte> body)
    {
        JsonDocument document;
        try
        {
            document = JsonDocument.Parse(body);
        }
        catch (JsonException)
        {
            return null;
        }

        using (document)
        {
            if (!JsonMembers.TryGet(document.RootElement, "data"u8, out var data)
                || Money(data, "total_cost"u8) is not { } cost
                || cost < PicoDollars.Zero)
            {
                return null;
            }

            return new ResponseFacts
            {
                Model = Text(data, "model"u8),
                Provider = Text(data, "provider_name"u8),
                Region = Text(data, "data_region"u8),
                ServiceTier = Text(data, "service_tier"u8),
                FinishReason = Text(data, "finish_reason"u8),
                Usage = new Usage
                {
                    PromptTokens = Number(data, "native_tokens_prompt"u8) ?? Number(data, "tokens_prompt"u8),
                    CompletionTokens = Number(data, "native_tokens_completion"u8) ?? Number(data, "tokens_completion"u8),
                    CachedTokens = Number(data, "native_tokens_cached"u8),
                    ReasoningTokens = Number(data, "native_tokens_reasoning"u8),
                    Cost = cost,
                    UpstreamCost = IsByok(data) && Money(data, "upstream_inference_cost"u8) is { } upstream && upstream >= PicoDollars.Zero
                        ? upstream
                        : null,
                    Discount = Money(data, "cache_discount"u8),
                },
                IsComplete = true,
            };
        }
    }

    private static bool IsByok(JsonElement data) =>
        JsonMembers.TryGet(data, "is_byok"u8, out var value) && value.ValueKind == JsonValueKind.True;

    private static string? Text(JsonElement data, ReadOnlySpan<byte> member) =>
        JsonMembers.TryGet(data, member, out var value) ? JsonMembers.Text(value) : null;

    private static long? Number(JsonElement data, ReadOnlySpan<byte> member) =>
        JsonMembers.TryGet(data, member, out var value) && value.ValueKind == JsonValueKind.Number
            && value.TryGetInt64(out var number) && number is >= 0 and <= Usage.MostTokens ? number : null;

    private static PicoDollars? Money(JsonElement data, ReadOnlySpan<byte> member) =>
        JsonMembers.TryGet(data, member, out var value) ? JsonMembers.Money(value) : null;
}
