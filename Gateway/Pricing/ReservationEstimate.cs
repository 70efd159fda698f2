using Gateway.Primitives;

namespace Gateway.Pricing;

/// <summary>Computes the amount and the tokens to reserve for a request before its bill is known.</summary>
internal static class ReservationEstimate
{
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
            if (!prices.TryFind(model, out var price))
            {
                return null;
            }

            dearest = ModelPrice.Max(dearest, price);
            most = PicoDollars.Max(most, Estimate(price, size));
        }

        return most;
    }

    /// <summary>
    /// The worst case at a price: the request price, one prompt token per byte of text, and for each choice the stated output cap or else
    /// the assumed cap.
    /// </summary>
    public static PicoDollars Estimate(ModelPrice price, in RequestSize size)
    {
        var completion = (Int128)size.Choices * (size.MaxOutputTokens ?? size.AssumedTokens);
        return Bound(price.Request + Bound(price.Prompt * size.TextBytes) + Bound(price.Completion * (long)Int128.Min(completion, long.MaxValue)));

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
        var completion = (Int128)size.Choices * (size.MaxOutputTokens ?? 0);
        return (long)Int128.Min((size.TextBytes / BytesPerToken) + 1 + completion, long.MaxValue);
    }
}
