using System.Buffers;
using System.Text.Json;
using Gateway.Primitives;

namespace Gateway.Pricing;

/// <summary>Prices by model name. Immutable.</summary>
internal sealed class PriceList
{
    // These variants choose among the providers of a model and are not listed. `:free`, `:thinking` and `:extended` are listed.
    private static readonly string[] DynamicVariants = [":nitro", ":floor", ":exacto", ":online"];

    private readonly Dictionary<string, ModelPrice> _prices;

    private PriceList(Dictionary<string, ModelPrice> prices) => _prices = prices;

    /// <summary>A list without prices.</summary>
    public static PriceList Empty { get; } = new([]);

    /// <summary>The number of names that have a price.</summary>
    public int Count => _prices.Count;

    /// <summary>The prices by name, in no particular order.</summary>
    public IReadOnlyDictionary<string, ModelPrice> Entries => _prices;

    /// <summary>
    /// Reads the body of <c>GET /models</c>: <c>{"data":[{"id","canonical_slug","pricing":{"prompt","completion","request"}}]}</c>. A price
    /// is decimal text in US dollars per token. Damaged entries, entries without prices and routers, whose prices are <c>-1</c>, are
    /// skipped.
    /// </summary>
    /// <exception cref="JsonException">
    /// The body is not JSON or has no array <c>data</c>. No other exception is thrown on any input.
    /// </exception>
    public static PriceList Read(ReadOnlyMemory<byte> body)
    {
        using var document = JsonDocument.Parse(body);
        if (!JsonMembers.TryGet(document.RootElement, "data"u8, out var data) || data.ValueKind != JsonValueKind.Array)
        {
            throw new JsonException("The list of models has no array 'data'.");
        }

        var prices = new Dictionary<string, ModelPrice>(StringComparer.OrdinalIgnoreCase);
        foreach (var model in data.EnumerateArray())
        {
            Add(model, prices);
        }

        return new PriceList(prices);
    }

    /// <summary>
    /// Writes the list in the format of <see cref="Read"/>, which reads back an equal list. The output contains the parsed entries only,
    /// not the bytes that they were read from.
    /// </summary>
    public byte[] ToJson()
    {
        var output = new ArrayBufferWriter<byte>();
        using var json = new Utf8JsonWriter(output);
        json.WriteStartObject();
        json.WriteStartArray("data"u8);
        foreach (var (name, price) in _prices)
        {
            json.WriteStartObject();
            json.WriteString("id"u8, name);
            json.WriteStartObject("pricing"u8);
            json.WriteString("prompt"u8, price.Prompt.ToString());
            json.WriteString("completion"u8, price.Completion.ToString());
            json.WriteString("request"u8, price.Request.ToString());
            json.WriteEndObject();
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
        json.Flush();
        return output.WrittenSpan.ToArray();
    }

    /// <summary>This list, completed by the entries of another list for names that it lacks.</summary>
    public PriceList Over(PriceList other) => other.With(_prices);

    /// <summary>This list with additional prices, which take precedence over its own.</summary>
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

    /// <summary>Finds the price of a model by the name in a request. A dynamic variant has the price of its model.</summary>
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
        foreach (var dynamicVariant in DynamicVariants)
        {
            if (variant.Equals(dynamicVariant, StringComparison.OrdinalIgnoreCase))
            {
                return true;
            }
        }

        return false;
    }

    private static void Add(JsonElement model, Dictionary<string, ModelPrice> prices)
    {
        if (JsonMembers.TryGet(model, "pricing"u8, out var pricing)
            && TryReadPart(pricing, "prompt"u8, isRequired: true, out var prompt)
            && TryReadPart(pricing, "completion"u8, isRequired: true, out var completion)
            && TryReadPart(pricing, "request"u8, isRequired: false, out var request))
        {
            AddName("id"u8);
            AddName("canonical_slug"u8);

            void AddName(ReadOnlySpan<byte> member)
            {
                if (JsonMembers.TryGet(model, member, out var name) && JsonMembers.Text(name) is { Length: > 0 } text)
                {
                    prices.TryAdd(text, new ModelPrice(prompt, completion, request));
                }
            }
        }
    }

    private static bool TryReadPart(JsonElement pricing, ReadOnlySpan<byte> member, bool isRequired, out PicoDollars price)
    {
        price = default;
        if (!JsonMembers.TryGet(pricing, member, out var value) || value.ValueKind is not (JsonValueKind.String or JsonValueKind.Number))
        {
            return !isRequired;
        }

        if (JsonMembers.Money(value) is not { } amount || amount < PicoDollars.Zero)
        {
            return false;
        }

        price = amount;
        return true;
    }
}
