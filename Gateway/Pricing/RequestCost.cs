using Gateway.Primitives;

namespace Gateway.Pricing;

/// <summary>The estimated use of a request. Computed from its body.</summary>
/// <param name="Tokens">The tokens to take from token limits.</param>
/// <param name="Cost">The amount to reserve in the budget; <see langword="null"/> if a price is unknown.</param>
/// <param name="PromptTokens">The part of the tokens that is the prompt.</param>
internal readonly record struct RequestCost(long Tokens, PicoDollars? Cost, long PromptTokens = 0);
