using Gateway.Primitives;

namespace Gateway.Pricing;

/// <summary>Computes the amount and the tokens to reserve for a request before its bill is known. An unsure figure is the dearest.</summary>
internal static class ReservationEstimate
{
    /// <summary>The factor of a fast tier that has no price in the list.</summary>
    private const int FastTierFactor = 2;

    /// <summary>
    /// The price of the dearest search of OpenRouter's engines, with some results more than the ten that its price includes.
    /// </summary>
    public static readonly PicoDollars DearestSearch = new(20_000_000_000);

    /// <summary>
    /// The amount to reserve: the highest estimate of all models. <see langword="null"/> if the price of a model is unknown, if a preset is
    /// named, or if no model is named: presets and the account's default may choose any model.
    /// </summary>
    /// <param name="models">Every model that may serve the request.</param>
    /// <param name="namesPreset">Whether the request refers to a preset.</param>
    /// <param name="prices">The price list.</param>
    /// <param name="size">The size of the request.</param>
    /// <param name="dearest">The highest price of each part over all models.</param>
    public static PicoDollars? Find(
        IReadOnlyList<string> models, bool namesPreset, PriceList prices, in RequestSize size, out ModelPrice dearest)
    {
        dearest = default;
        if (models.Count == 0 || namesPreset)
        {
            return null;
        }

        var most = PicoDollars.Zero;
        foreach (var model in models)
        {
            if (PriceOf(model, prices, size) is not { } price)
            {
                return null;
            }

            dearest = ModelPrice.Max(dearest, price);
            most = PicoDollars.Max(most, Estimate(price, size));
        }

        return most;
    }

    /// <summary>
    /// The worst case at a price: the price of each billed request, the tokens of the prompt, and for each choice the stated output cap or else the
    /// assumed one.
    /// </summary>
    public static PicoDollars Estimate(in ModelPrice price, in RequestSize size)
    {
        var text = price.PromptToken(size.CacheWrites);
        return Bound(
            Bound(price.Request * size.BilledRequests)
            + Bound(text * size.TextTokens)
            + Bound(PicoDollars.Max(text, price.MediaToken) * size.MediaTokens)
            + Bound(price.MediaItem * size.MediaParts)
            + Bound(price.CompletionToken * size.AllOutputTokens)
            + Bound(price.OutputItem * size.Choices));

        // Larger amounts cannot be stored, and no budget is that large.
        static PicoDollars Bound(PicoDollars amount) => amount > PicoDollars.MaxStored ? PicoDollars.MaxStored : amount;
    }

    /// <summary>
    /// The tokens to take from a token limit: by rule of thumb one token per four bytes of text, plus the stated output cap for each
    /// choice. Without a stated cap no output is assumed, unlike for the amount: token limits are corrected when the call ends.
    /// </summary>
    public static long EstimateTokens(in RequestSize size)
    {
        const int BytesPerToken = 4;
        var completion = (Int128)size.Choices * size.StatedOutputTokens;
        return (long)Int128.Min((size.TextBytes / BytesPerToken) + 1 + completion, long.MaxValue);
    }

    /// <summary>
    /// The price of a model for a request, with overrides, variants and tier; <see langword="null"/> if it is unknown. Searches are not part
    /// of it.
    /// </summary>
    private static ModelPrice? PriceOf(string model, PriceList prices, in RequestSize size)
    {
        if (!prices.TryFind(model, out var listed, out var variants))
        {
            return null;
        }

        var price = listed.At(size.PromptTokens);
        if (size.Tier == ServiceTier.Fast || (size.Tier == ServiceTier.Unstated && variants.HasFlag(ModelVariants.Nitro)))
        {
            // A listed `MODEL-fast` may be the tier's price, or another model that is cheaper.
            var doubled = price * FastTierFactor;
            price = prices.TryFindFast(model, out var fast) ? ModelPrice.Max(doubled, fast.At(size.PromptTokens)) : doubled;
        }

        return price;
    }
}
