namespace Gateway.Pricing;

/// <summary>The entry of a price list: a model's prices and their overrides. Immutable.</summary>
/// <param name="Price">The prices without overrides.</param>
/// <param name="Overrides">The overrides, in the list's order.</param>
internal sealed record ListedPrice(ModelPrice Price, IReadOnlyList<PriceOverride> Overrides)
{
    /// <summary>A price without overrides.</summary>
    public ListedPrice(ModelPrice price)
        : this(price, [])
    {
    }

    /// <summary>The highest prices that may apply to a prompt of at most this many tokens.</summary>
    public ModelPrice At(long promptTokens)
    {
        var price = Price;
        foreach (var one in Overrides)
        {
            if (one.MinPromptTokens < promptTokens)
            {
                price = ModelPrice.Max(price, one.Price);
            }
        }

        return price;
    }

    /// <summary>The higher price of each part, and the overrides of both entries.</summary>
    public static ListedPrice Max(ListedPrice left, ListedPrice right) => new(
        ModelPrice.Max(left.Price, right.Price),
        left.Overrides.Count == 0 ? right.Overrides : right.Overrides.Count == 0 ? left.Overrides : [.. left.Overrides, .. right.Overrides]);

    /// <summary>Compares the overrides one by one.</summary>
    public bool Equals(ListedPrice? other) => other is not null && Price == other.Price && Overrides.SequenceEqual(other.Overrides);

    /// <inheritdoc />
    public override int GetHashCode() => HashCode.Combine(Price, Overrides.Count);
}
