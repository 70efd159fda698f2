using System.Text.Json;
using Gateway.Primitives;

namespace Gateway.Pricing;

/// <summary>Prices by model name. Immutable.</summary>
internal sealed class PriceList
{
    // Variants that are no entries of their own: they choose among a model's providers. `:free`, `:thinking` and `:extended` are entries.
    private static readonly string[] DynamicVariants = [":nitro", ":floor", ":exacto", ":online"];

    private readonly Dictionary<string, ModelPrice> _prices;

    private PriceList(Dictionary<string, ModelPrice> prices) => _prices = prices;

    /// <summary>No price is known.</summary>
    public static PriceList Empty { get; } = new([]);

    /// <summary>How many names have a price.</summary>
    public int Count => _prices.Count;

    /// <summary>
    /// Reads an answer of <c>GET /models</c>: <c>{"data":[{"id","canonical_slug","pricing":{"prompt","completion","request"}}]}</c>, prices
    /// as decimal text of US dollars a token. Entries without prices, and those of routers, which say <c>-1</c>, have none.
    /// </summary>
    /// <exception cref="JsonException">It is no such answer.</exception>
    public static PriceList Read(params ReadOnlySpan<ReadOnlyMemory<byte>> answers)
    {
        var prices = new Dictionary<string, ModelPrice>(StringComparer.OrdinalIgnoreCase);
        foreach (var answer in answers)
        {
            using var document = JsonDocument.Parse(answer);
            if (document.RootElement.ValueKind != JsonValueKind.Object
                || !document.RootElement.TryGetProperty("data"u8, out var data)
                || data.ValueKind != JsonValueKind.Array)
            {
                throw new JsonException("the list of models has no array 'data'");
            }

            foreach (var model in data.EnumerateArray())
            {
                Add(model, prices);
            }
        }

        return new PriceList(prices);
    }

    /// <summary>Two answers as one, for a file that <see cref="Read"/> takes: only what it needs is kept.</summary>
    public static byte[] Join(ReadOnlyMemory<byte> models, ReadOnlyMemory<byte>? others)
    {
        var output = new System.Buffers.ArrayBufferWriter<byte>();
        using var json = new Utf8JsonWriter(output);
        json.WriteStartObject();
        json.WriteStartArray("data"u8);
        Copy(models);
        if (others is { } more)
        {
            Copy(more);
        }

        json.WriteEndArray();
        json.WriteEndObject();
        json.Flush();
        return output.WrittenSpan.ToArray();

        void Copy(ReadOnlyMemory<byte> answer)
        {
            using var document = JsonDocument.Parse(answer);
            foreach (var model in document.RootElement.GetProperty("data"u8).EnumerateArray())
            {
                json.WriteStartObject();
                foreach (var name in (ReadOnlySpan<string>)["id", "canonical_slug", "pricing"])
                {
                    if (model.TryGetProperty(name, out var value))
                    {
                        json.WritePropertyName(name);
                        value.WriteTo(json);
                    }
                }

                json.WriteEndObject();
            }
        }
    }

    /// <summary>The list with other prices put before its own.</summary>
    public PriceList With(IReadOnlyDictionary<string, ModelPrice> prices)
    {
        if (prices.Count == 0)
        {
            return this;
        }

        var all = new Dictionary<string, ModelPrice>(_prices, StringComparer.OrdinalIgnoreCase);
        foreach (var (name, price) in prices)
        {
            all[name] = price;
        }

        return new PriceList(all);
    }

    /// <summary>The price of a model as a request names it, a dynamic variant behind it or not.</summary>
    public bool TryFind(string name, out ModelPrice price)
    {
        var text = name.AsSpan().Trim();
        var prices = _prices.GetAlternateLookup<ReadOnlySpan<char>>();
        while (!prices.TryGetValue(text, out price))
        {
            var colon = text.LastIndexOf(':');
            if (colon < 0 || !IsDynamic(text[colon..]))
            {
                return false;
            }

            text = text[..colon];
        }

        return true;
    }

    private static bool IsDynamic(ReadOnlySpan<char> variant)
    {
        foreach (var known in DynamicVariants)
        {
            if (variant.Equals(known, StringComparison.OrdinalIgnoreCase))
            {
                return true;
            }
        }

        return false;
    }

    private static void Add(JsonElement model, Dictionary<string, ModelPrice> prices)
    {
        if (model.ValueKind == JsonValueKind.Object
            && model.TryGetProperty("pricing"u8, out var pricing)
            && pricing.ValueKind == JsonValueKind.Object
            && TryReadPart(pricing, "prompt"u8, isRequired: true, out var prompt)
            && TryReadPart(pricing, "completion"u8, isRequired: true, out var completion)
            && TryReadPart(pricing, "request"u8, isRequired: false, out var request))
        {
            AddName(model, "id"u8);
            AddName(model, "canonical_slug"u8);

            void AddName(JsonElement element, ReadOnlySpan<byte> member)
            {
                if (element.TryGetProperty(member, out var name) && name.ValueKind == JsonValueKind.String && name.GetString() is { Length: > 0 } text)
                {
                    prices.TryAdd(text, new ModelPrice(prompt, completion, request));
                }
            }
        }
    }

    private static bool TryReadPart(JsonElement pricing, ReadOnlySpan<byte> member, bool isRequired, out PicoDollars price)
    {
        price = default;
        return pricing.TryGetProperty(member, out var value) && value.ValueKind is JsonValueKind.String or JsonValueKind.Number
            ? PicoDollars.TryParse(Text(value), out price) && price >= PicoDollars.Zero
            : !isRequired;

        static byte[] Text(JsonElement value) =>
            System.Text.Encoding.UTF8.GetBytes(value.ValueKind == JsonValueKind.String ? value.GetString()! : value.GetRawText());
    }
}
