using Gateway.Primitives;

namespace Gateway.Pricing;

/// <summary>What a model costs.</summary>
/// <param name="Prompt">A token of the prompt.</param>
/// <param name="Completion">A token of the answer.</param>
/// <param name="Request">A request.</param>
internal readonly record struct ModelPrice(PicoDollars Prompt, PicoDollars Completion, PicoDollars Request)
{
    /// <summary>The dearer of two in each part.</summary>
    public static ModelPrice Max(ModelPrice left, ModelPrice right) => new(
        PicoDollars.Max(left.Prompt, right.Prompt),
        PicoDollars.Max(left.Completion, right.Completion),
        PicoDollars.Max(left.Request, right.Request));
}
