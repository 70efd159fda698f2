using Gateway.Primitives;

namespace Gateway.Pricing;

/// <summary>The estimated use of a request. Computed from its body.</summary>
/// <param name="Tokens">The tokens to take from token limits.</param>
/// <param name="Cost">The estimated amount; <see langword="null"/> if a price is unknown.</param>
/// <param name="PromptTokens">The part of the tokens that is the prompt.</param>
internal readonly record struct RequestCost(long Tokens, PicoDollars? Cost, long PromptTokens = 0)
{
    /// <summary>The part of the amount for server tools and searches, which is known even if the price of a model is not.</summary>
    public PicoDollars ToolCost { get; init; }

    /// <summary>The token counts behind the amount; the default if no body was read.</summary>
    public EstimateBasis Basis { get; init; }

    /// <summary>The amount that a call reserves which passes although a price is unknown, or whose prices are known.</summary>
    public PicoDollars Reserved => Cost ?? ToolCost;
}
