namespace Gateway.Pricing;

/// <summary>
/// Prices that replace a model's own under conditions. The time of a call upstream is not known in advance, so windows of time are taken as
/// open and not kept.
/// </summary>
/// <param name="MinPromptTokens">The override applies to prompts of more tokens than this; -1 for every prompt.</param>
/// <param name="Price">The prices. A part that is not stated is zero.</param>
internal readonly record struct PriceOverride(long MinPromptTokens, ModelPrice Price);
