using Gateway.Primitives;

namespace Gateway.Pricing;

/// <summary>The estimated use of a request, known once its body was read.</summary>
/// <param name="Tokens">The tokens that a limit reserves.</param>
/// <param name="Cost">The amount that a budget reserves; <see langword="null"/> when a price is unknown.</param>
internal readonly record struct RequestCost(long Tokens, PicoDollars? Cost);
