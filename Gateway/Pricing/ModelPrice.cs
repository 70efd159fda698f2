using Gateway.Primitives;

namespace Gateway.Pricing;

/// <summary>The prices of a model. A part that the list does not state costs nothing.</summary>
/// <param name="Prompt">Price per token of the prompt.</param>
/// <param name="Completion">Price per token of text in the completion.</param>
/// <param name="Request">Price per request.</param>
internal readonly record struct ModelPrice(PicoDollars Prompt, PicoDollars Completion, PicoDollars Request)
{
    /// <summary>Price per token of the prompt that is written to a cache although the request does not ask for it.</summary>
    public PicoDollars UnaskedCacheWrite { get; init; }

    /// <summary>Price per token of the prompt that is written to a cache for five minutes on request.</summary>
    public PicoDollars CacheWrite { get; init; }

    /// <summary>Price per token of the prompt that is written to a cache for an hour on request.</summary>
    public PicoDollars LongCacheWrite { get; init; }

    /// <summary>Whether the list says that the model writes to caches on request only.</summary>
    public bool WritesOnRequest => LongCacheWrite != PicoDollars.Zero;

    /// <summary>Price per token of reasoning, audio or images in the completion: the highest of them.</summary>
    public PicoDollars OutputToken { get; init; }

    /// <summary>Price per token of an image or a recording in the prompt.</summary>
    public PicoDollars MediaToken { get; init; }

    /// <summary>Price per image in the prompt, beside its tokens.</summary>
    public PicoDollars MediaItem { get; init; }

    /// <summary>Price per image in the completion, beside its tokens.</summary>
    public PicoDollars OutputItem { get; init; }

    /// <summary>Price per web search.</summary>
    public PicoDollars Search { get; init; }

    /// <summary>The highest price of a token of the completion, which may consist of text, reasoning, audio or images.</summary>
    public PicoDollars CompletionToken => PicoDollars.Max(Completion, OutputToken);

    /// <summary>The higher price of each part. No request costs less at it than at one of the two.</summary>
    public static ModelPrice Max(ModelPrice left, ModelPrice right) => new(
        PicoDollars.Max(left.Prompt, right.Prompt),
        PicoDollars.Max(left.Completion, right.Completion),
        PicoDollars.Max(left.Request, right.Request))
    {
        UnaskedCacheWrite = PicoDollars.Max(left.UnaskedCacheWrite, right.UnaskedCacheWrite),
        CacheWrite = PicoDollars.Max(left.CacheWrite, right.CacheWrite),
        LongCacheWrite = PicoDollars.Max(left.LongCacheWrite, right.LongCacheWrite),
        OutputToken = PicoDollars.Max(left.OutputToken, right.OutputToken),
        MediaToken = PicoDollars.Max(left.MediaToken, right.MediaToken),
        MediaItem = PicoDollars.Max(left.MediaItem, right.MediaItem),
        OutputItem = PicoDollars.Max(left.OutputItem, right.OutputItem),
        Search = PicoDollars.Max(left.Search, right.Search),
    };

    /// <summary>Each part at a multiple of its price.</summary>
    public static ModelPrice operator *(ModelPrice price, int times)
    {
        return new ModelPrice(Times(price.Prompt), Times(price.Completion), Times(price.Request))
        {
            UnaskedCacheWrite = Times(price.UnaskedCacheWrite),
            CacheWrite = Times(price.CacheWrite),
            LongCacheWrite = Times(price.LongCacheWrite),
            OutputToken = Times(price.OutputToken),
            MediaToken = Times(price.MediaToken),
            MediaItem = Times(price.MediaItem),
            OutputItem = Times(price.OutputItem),
            Search = Times(price.Search),
        };

        // A price that fits into 64 bits cannot overflow when it is multiplied by a number of tokens.
        PicoDollars Times(PicoDollars part) => PicoDollars.FromStored((part * times).ToStored());
    }

    /// <summary>The price of a token of the prompt: the highest that the request may cause.</summary>
    public PicoDollars PromptToken(CacheWrites writes)
    {
        var token = PicoDollars.Max(Prompt, UnaskedCacheWrite);
        return writes switch
        {
            CacheWrites.Long => PicoDollars.Max(token, PicoDollars.Max(CacheWrite, LongCacheWrite)),
            CacheWrites.Short => PicoDollars.Max(token, CacheWrite),
            _ => token,
        };
    }
}
