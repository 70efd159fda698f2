namespace Gateway.Pricing;

/// <summary>The token counts behind an estimated amount, for messages.</summary>
/// <param name="PromptTokens">The tokens of the prompt, estimated from its size.</param>
/// <param name="OutputTokens">The output tokens of one completion; 0 if output costs nothing.</param>
/// <param name="IsOutputStated">Whether the request states the output tokens as its cap; otherwise they are assumed.</param>
/// <param name="Choices">The number of completions.</param>
internal readonly record struct EstimateBasis(long PromptTokens, long OutputTokens, bool IsOutputStated, long Choices)
{
    /// <summary>The basis of an estimate.</summary>
    /// <param name="size">The measures of the request.</param>
    /// <param name="price">The price.</param>
    public static EstimateBasis Of(in RequestSize size, in ModelPrice price) => new(
        size.PromptTokens, price.CompletionToken == default ? 0 : size.OutputTokens, size.IsOutputStated, size.Choices);
}
