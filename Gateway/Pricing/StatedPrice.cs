using Gateway.Primitives;

namespace Gateway.Pricing;

/// <summary>The prices of a model that the settings state.</summary>
/// <param name="Prompt">Price per token of the prompt.</param>
/// <param name="Completion">Price per token of the completion.</param>
/// <param name="Request">Price per request; <see langword="null"/> if it is not stated.</param>
internal readonly record struct StatedPrice(PicoDollars Prompt, PicoDollars Completion, PicoDollars? Request)
{
    /// <summary>
    /// The listed entry with the stated prices in place of its own. Its other prices stay, and so do its overrides: an unsure price is the
    /// dearest.
    /// </summary>
    /// <param name="listed">The entry of the list; <see langword="null"/> if the list lacks the model.</param>
    public ListedPrice Over(ListedPrice? listed)
    {
        var price = listed?.Price ?? default;
        return new ListedPrice(
            price with { Prompt = Prompt, Completion = Completion, Request = Request ?? price.Request }, listed?.Overrides ?? []);
    }
}
