using System.Text.Json;

namespace Gateway.Pricing;

/// <summary>
/// Prices by model name. Immutable. Of several prices for one name the highest counts. The id of an entry takes precedence over the
/// canonical slugs of others: <c>x</c>, <c>x:free</c> and <c>x:batch</c> share the slug of <c>x</c>.
/// </summary>
internal sealed class PriceList
{
    // Entries of these variants have the slug of the model that they vary, at a lower price.
    private static readonly string[] CheapVariants = [":free", ":batch"];

    private readonly Dictionary<string, ListedPrice> _byId;
    private readonly Dictionary<string, ListedPrice> _bySlug;

    internal PriceList(Dictionary<string, ListedPrice> byId, Dictionary<string, ListedPrice> bySlug)
    {
        _byId = byId;
        _bySlug = bySlug;
    }

    /// <summary>A list without prices.</summary>
    public static PriceList Empty { get; } = new([], []);

    /// <summary>The number of entries.</summary>
    public int Count => _byId.Count + _bySlug.Count;

    /// <summary>The prices by id, in no particular order.</summary>
    public IReadOnlyDictionary<string, ListedPrice> Entries => _byId;

    /// <summary>The prices by canonical slug, in no particular order.</summary>
    public IReadOnlyDictionary<string, ListedPrice> Slugs => _bySlug;

    /// <summary>Reads a list in the format of OpenRouter; see <see cref="PriceListJson.Read"/>.</summary>
    /// <exception cref="JsonException">
    /// The body is not JSON or has no array <c>data</c>. No other exception is thrown on any input.
    /// </exception>
    public static PriceList Read(ReadOnlyMemory<byte> body) => PriceListJson.Read(body);

    /// <summary>Writes the list in the format of <see cref="Read"/>, which reads back an equal list.</summary>
    public byte[] ToJson() => PriceListJson.Write(this);

    /// <summary>Both lists, at the higher price of a name that is in both.</summary>
    public PriceList Join(PriceList other)
    {
        var joined = (Ids: Copy(_byId), Slugs: Copy(_bySlug));
        foreach (var (name, price) in other._byId)
        {
            Add(joined.Ids, name, price);
        }

        foreach (var (name, price) in other._bySlug)
        {
            Add(joined.Slugs, name, price);
        }

        return new PriceList(joined.Ids, joined.Slugs);
    }

    /// <summary>This list, completed by the entries of another list for names that it lacks.</summary>
    public PriceList Over(PriceList other)
    {
        var (byId, bySlug) = (Copy(_byId), Copy(_bySlug));
        foreach (var (name, price) in other._byId)
        {
            // The slug of a newer entry replaces an older id.
            if (!_bySlug.ContainsKey(name))
            {
                byId.TryAdd(name, price);
            }
        }

        foreach (var (name, price) in other._bySlug)
        {
            bySlug.TryAdd(name, price);
        }

        return new PriceList(byId, bySlug);
    }

    /// <summary>This list with additional prices, which take precedence over its own.</summary>
    public PriceList With(IReadOnlyDictionary<string, ListedPrice> prices)
    {
        if (prices.Count == 0)
        {
            return this;
        }

        var byId = Copy(_byId);
        foreach (var (name, price) in prices)
        {
            byId[name] = price;
        }

        return new PriceList(byId, _bySlug);
    }

    /// <summary>This list with the prices in the settings, each of which replaces those prices of its model that it states.</summary>
    public PriceList With(IReadOnlyDictionary<string, StatedPrice> stated) => With(stated.ToDictionary(
        static price => price.Key,
        price => price.Value.Over(TryFind(price.Key, out var listed, out _) ? listed : null),
        StringComparer.OrdinalIgnoreCase));

    /// <summary>
    /// Finds the price of a model by the name in a request. A dynamic variant that is not listed has the price of its model.
    /// </summary>
    /// <param name="name">The name.</param>
    /// <param name="price">The price of the model.</param>
    /// <param name="variants">The unlisted variants in the name; the price does not contain their cost.</param>
    public bool TryFind(ReadOnlySpan<char> name, out ListedPrice price, out ModelVariants variants)
    {
        variants = ModelVariants.None;
        name = name.Trim();
        while (!TryGet(name, out price))
        {
            var colon = name.LastIndexOf(':');
            if (colon < 0 || !TryReadVariant(name[colon..], ref variants))
            {
                return false;
            }

            name = name[..colon];
        }

        return true;
    }

    /// <summary>
    /// A name in a request as the list has it: without blanks around it and without dynamic variants, which a name may have in any number.
    /// </summary>
    public static string WithoutVariants(string name)
    {
        var rest = Strip(name);
        return rest.Length == name.Length ? name : rest.ToString();
    }

    /// <summary>
    /// Finds the price of a model's fast tier, which some models have as an entry of its own: <c>anthropic/claude-opus-4.6-fast</c>.
    /// </summary>
    public bool TryFindFast(ReadOnlySpan<char> name, out ListedPrice price) => TryGet($"{Strip(name)}-fast", out price);

    /// <summary>Adds a price to the names of a list. The highest price of a name counts.</summary>
    internal static void Add(Dictionary<string, ListedPrice> prices, string name, ListedPrice price) =>
        prices[name] = prices.TryGetValue(name, out var known) ? ListedPrice.Max(known, price) : price;

    /// <summary>Whether an entry may lend its price to its canonical slug.</summary>
    internal static bool NamesItsSlug(string? id)
    {
        foreach (var variant in CheapVariants)
        {
            if (id?.EndsWith(variant, StringComparison.OrdinalIgnoreCase) == true)
            {
                return false;
            }
        }

        return true;
    }

    private static ReadOnlySpan<char> Strip(ReadOnlySpan<char> name)
    {
        name = name.Trim();
        var variants = ModelVariants.None;
        while (name.LastIndexOf(':') is >= 0 and var colon && TryReadVariant(name[colon..], ref variants))
        {
            name = name[..colon];
        }

        return name;
    }

    private static Dictionary<string, ListedPrice> Copy(Dictionary<string, ListedPrice> prices) => new(prices, StringComparer.OrdinalIgnoreCase);

    // These variants choose among the providers of a model and are not listed. `:free`, `:thinking` and `:extended` are listed.
    private static bool TryReadVariant(ReadOnlySpan<char> variant, ref ModelVariants variants)
    {
        if (variant.Equals(":nitro", StringComparison.OrdinalIgnoreCase))
        {
            variants |= ModelVariants.Nitro;
            return true;
        }

        // `:online` is a server tool, whose cost is not part of the model's price.
        return variant.Equals(":floor", StringComparison.OrdinalIgnoreCase)
            || variant.Equals(":exacto", StringComparison.OrdinalIgnoreCase)
            || variant.Equals(":online", StringComparison.OrdinalIgnoreCase);
    }

    private bool TryGet(ReadOnlySpan<char> name, out ListedPrice price) =>
        _byId.GetAlternateLookup<ReadOnlySpan<char>>().TryGetValue(name, out price!)
        || _bySlug.GetAlternateLookup<ReadOnlySpan<char>>().TryGetValue(name, out price!);
}
