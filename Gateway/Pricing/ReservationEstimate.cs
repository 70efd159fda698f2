using Gateway.Primitives;

namespace Gateway.Pricing;

/// <summary>What is set aside for a request before its bill is known.</summary>
internal static class ReservationEstimate
{
    /// <summary>
    /// What to set aside: the most that any of the models may come to; <see langword="null"/> when the price of one is not known, or none
    /// is named, since the account's default may be any.
    /// </summary>
    /// <param name="models">Every model that may answer.</param>
    /// <param name="namesPreset">Whether a preset is referred to, which may name models of its own.</param>
    /// <param name="prices">Prices by model.</param>
    /// <param name="size">What the request asks for.</param>
    /// <param name="dearest">The dearest of all prices, part by part.</param>
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
    /// Request price, and every byte of text as a token of the prompt, and for each answer asked for the stated cap, else the assumed one.
    /// </summary>
    public static PicoDollars Estimate(ModelPrice price, in RequestSize size)
    {
        var completion = (Int128)size.Choices * (size.MaxOutputTokens ?? size.AssumedTokens);
        return Bound(price.Request + Bound(price.Prompt * size.TextBytes) + Bound(price.Completion * (long)Int128.Min(completion, long.MaxValue)));

        // Nothing beyond it could be stored, and no budget is that large.
        static PicoDollars Bound(PicoDollars amount) => amount > PicoDollars.MaxStored ? PicoDollars.MaxStored : amount;
    }

    /// <summary>
    /// The tokens that a limit a minute sets aside: a token for four bytes of text, as the rule of thumb has it, and the stated caps. Unlike
    /// money it assumes nothing about an answer without a cap: limits are put right within seconds.
    /// </summary>
    public static long EstimateTokens(in RequestSize size)
    {
        const int BytesPerToken = 4;
        var completion = (Int128)size.Choices * (size.MaxOutputTokens ?? 0);
        return (long)Int128.Min((size.TextBytes / BytesPerToken) + 1 + completion, long.MaxValue);
    }
}
