using Gateway.Primitives;

namespace Gateway.Pricing;

/// <summary>The prices of a model.</summary>
/// <param name="Prompt">Price per token of the prompt.</param>
/// <param name="Completion">Price per token of the completion.</param>
/// <param name="Request">Price per request.</param>
internal readonly record struct ModelPrice(PicoDollars Prompt, PicoDollars Completion, PicoDollars Request)
{
    /// <summary>The higher price of each part.</summary>
    public static ModelPrice Max(ModelPrice left, ModelPrice right) => new(
        PicoDollars.Max(left.Prompt, right.Prompt),
        PicoDollars.Max(left.Completion, right.Completion),
        PicoDollars.Max(left.Request, right.Request));
}
