using System.Buffers;
using System.Text.Json;
using Gateway.Primitives;

namespace Gateway.Pricing;

/// <summary>
/// Reads and writes price lists in the format of OpenRouter's <c>GET /models</c>:
/// <c>{"data":[{"id","canonical_slug","pricing":{"prompt","completion",…,"overrides":[…]}}]}</c>. A price is decimal text in US dollars.
/// </summary>
internal static class PriceListJson
{
    private const long EveryPrompt = -1;

    private static ReadOnlySpan<byte> LongCacheWrite => "input_cache_write_1h"u8;

    // OpenRouter's lists do not have this member. It keeps the price in entries that are joined from several models.
    private static ReadOnlySpan<byte> UnaskedCacheWrite => "input_cache_write_unasked"u8;

    // The list does not say whether the price of an image is one per image or per token. No token costs a tenth of a cent.
    private static readonly PicoDollars CheapestItem = new(1_000_000_000);

    /// <summary>
    /// Reads a list. Damaged entries, entries without prices and routers, whose prices are <c>-1</c>, are skipped.
    /// </summary>
    /// <exception cref="JsonException">The body is not JSON or has no array <c>data</c>.</exception>
    public static PriceList Read(ReadOnlyMemory<byte> body)
    {
        using var document = JsonDocument.Parse(body);
        if (!JsonMembers.TryGet(document.RootElement, "data"u8, out var data) || data.ValueKind != JsonValueKind.Array)
        {
            throw new JsonException("The list of models has no array 'data'.");
        }

        var byId = new Dictionary<string, ListedPrice>(StringComparer.OrdinalIgnoreCase);
        var bySlug = new Dictionary<string, ListedPrice>(StringComparer.OrdinalIgnoreCase);
        foreach (var model in data.EnumerateArray())
        {
            if (JsonMembers.TryGet(model, "pricing"u8, out var pricing) && ReadEntry(pricing) is { } price)
            {
                var id = Name(model, "id"u8);
                if (id is not null)
                {
                    PriceList.Add(byId, id, price);
                }

                if (Name(model, "canonical_slug"u8) is { } slug && PriceList.NamesItsSlug(id))
                {
                    PriceList.Add(bySlug, slug, price);
                }
            }
        }

        return new PriceList(byId, bySlug);
    }

    /// <summary>Writes a list. The output contains the parsed entries only, not the bytes that they were read from.</summary>
    public static byte[] Write(PriceList list)
    {
        var output = new ArrayBufferWriter<byte>();
        using var json = new Utf8JsonWriter(output);
        json.WriteStartObject();
        json.WriteStartArray("data"u8);
        foreach (var (name, price) in list.Entries)
        {
            WriteEntry("id"u8, name, price);
        }

        foreach (var (name, price) in list.Slugs)
        {
            WriteEntry("canonical_slug"u8, name, price);
        }

        json.WriteEndArray();
        json.WriteEndObject();
        json.Flush();
        return output.WrittenSpan.ToArray();

        void WriteEntry(ReadOnlySpan<byte> member, string name, ListedPrice price)
        {
            json.WriteStartObject();
            json.WriteString(member, name);
            json.WriteStartObject("pricing"u8);
            json.WriteString("prompt"u8, price.Price.Prompt.ToString());
            json.WriteString("completion"u8, price.Price.Completion.ToString());
            WriteParts(json, price.Price with { Prompt = default, Completion = default });
            if (price.Overrides.Count > 0)
            {
                json.WriteStartArray("overrides"u8);
                foreach (var one in price.Overrides)
                {
                    json.WriteStartObject();
                    json.WriteNumber("min_prompt_tokens"u8, one.MinPromptTokens);
                    WriteParts(json, one.Price);
                    json.WriteEndObject();
                }

                json.WriteEndArray();
            }

            json.WriteEndObject();
            json.WriteEndObject();
        }
    }

    private static void WriteParts(Utf8JsonWriter json, ModelPrice price)
    {
        Write("prompt"u8, price.Prompt);
        Write("completion"u8, price.Completion);
        Write("request"u8, price.Request);
        Write(UnaskedCacheWrite, price.UnaskedCacheWrite);
        Write("input_cache_write"u8, price.CacheWrite);
        Write(LongCacheWrite, price.LongCacheWrite);
        Write("internal_reasoning"u8, price.OutputToken);
        Write("image_token"u8, price.MediaToken);
        Write("image"u8, price.MediaItem);
        Write("image_output"u8, price.OutputItem);
        Write("web_search"u8, price.Search);

        void Write(ReadOnlySpan<byte> member, PicoDollars amount)
        {
            if (amount > PicoDollars.Zero)
            {
                json.WriteString(member, amount.ToString());
            }
        }
    }

    private static string? Name(JsonElement model, ReadOnlySpan<byte> member) =>
        JsonMembers.TryGet(model, member, out var name) && JsonMembers.Text(name) is { Length: > 0 } text ? text : null;

    /// <summary>The prices of an entry; <see langword="null"/> without valid prices of prompt and completion.</summary>
    private static ListedPrice? ReadEntry(JsonElement pricing)
    {
        if (!HasPrice(pricing, "prompt"u8) || !HasPrice(pricing, "completion"u8))
        {
            return null;
        }

        var price = ReadParts(pricing, writesOnRequest: false, out var isDamaged);
        if (isDamaged)
        {
            return null;
        }

        if (!JsonMembers.TryGet(pricing, "overrides"u8, out var overrides))
        {
            return new ListedPrice(price);
        }

        var read = new List<PriceOverride>();
        foreach (var one in overrides.ValueKind == JsonValueKind.Array ? overrides.EnumerateArray().ToArray() : [overrides])
        {
            // A damaged price leaves the others: the highest price of each part counts.
            if (one.ValueKind == JsonValueKind.Object && ReadParts(one, price.WritesOnRequest, out _) is var parts && parts != default)
            {
                read.Add(new PriceOverride(MinPromptTokens(one), parts));
            }
        }

        return new ListedPrice(price, read);
    }

    /// <summary>The prices in an object. A damaged one is zero.</summary>
    /// <param name="pricing">The object.</param>
    /// <param name="writesOnRequest">
    /// Whether the model writes to caches on request only, as far as the entry says so outside of the object. A model whose entry has a price
    /// for cache writes, but none for writes of an hour, may write without being asked: OpenAI's models do. Anthropic's models, which have both
    /// prices, write only on request.
    /// </param>
    /// <param name="isDamaged">Whether a price of the prompt, the completion or the request is damaged.</param>
    private static ModelPrice ReadParts(JsonElement pricing, bool writesOnRequest, out bool isDamaged)
    {
        isDamaged = !TryRead("prompt"u8, out var prompt) | !TryRead("completion"u8, out var completion) | !TryRead("request"u8, out var request);
        var (imagePerToken, imagePerItem) = Split(Other("image"u8));
        var (outputPerToken, outputPerItem) = Split(Other("image_output"u8));
        var (cacheWrite, longCacheWrite) = (Other("input_cache_write"u8), Other(LongCacheWrite));
        writesOnRequest |= longCacheWrite != PicoDollars.Zero;
        return new ModelPrice(prompt, completion, request)
        {
            OutputToken = Highest(Other("internal_reasoning"u8), Other("audio_output"u8), outputPerToken),
            UnaskedCacheWrite = writesOnRequest ? Other(UnaskedCacheWrite) : Highest(Other(UnaskedCacheWrite), cacheWrite),
            CacheWrite = writesOnRequest ? cacheWrite : PicoDollars.Zero,
            LongCacheWrite = longCacheWrite,
            MediaToken = Highest(Other("audio"u8), Other("image_token"u8), imagePerToken),
            MediaItem = imagePerItem,
            OutputItem = outputPerItem,
            Search = Other("web_search"u8),
        };

        bool TryRead(ReadOnlySpan<byte> member, out PicoDollars amount)
        {
            amount = default;
            if (!JsonMembers.TryGet(pricing, member, out var value) || value.ValueKind is not (JsonValueKind.String or JsonValueKind.Number))
            {
                return true;
            }

            if (JsonMembers.Money(value) is not { } money || money < PicoDollars.Zero)
            {
                return false;
            }

            amount = money;
            return true;
        }

        // Few requests cause these costs. A damaged price of one of them must not close the model.
        PicoDollars Other(ReadOnlySpan<byte> member) => TryRead(member, out var amount) ? amount : PicoDollars.Zero;
    }

    private static (PicoDollars PerToken, PicoDollars PerItem) Split(PicoDollars image) =>
        image < CheapestItem ? (image, PicoDollars.Zero) : (PicoDollars.Zero, image);

    private static PicoDollars Highest(params ReadOnlySpan<PicoDollars> prices)
    {
        var highest = PicoDollars.Zero;
        foreach (var price in prices)
        {
            highest = PicoDollars.Max(highest, price);
        }

        return highest;
    }

    private static bool HasPrice(JsonElement pricing, ReadOnlySpan<byte> member) =>
        JsonMembers.TryGet(pricing, member, out var value) && value.ValueKind is (JsonValueKind.String or JsonValueKind.Number);

    /// <summary>The condition of an override. One that cannot be read is taken as met.</summary>
    private static long MinPromptTokens(JsonElement one) =>
        JsonMembers.TryGet(one, "min_prompt_tokens"u8, out var value) && value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out var tokens)
            ? Math.Max(EveryPrompt, tokens)
            : EveryPrompt;
}
