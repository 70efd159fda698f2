namespace FakeOpenRouter;

/// <summary>The price of a model in pico-dollars.</summary>
/// <param name="Prompt">Price of a prompt token.</param>
/// <param name="Completion">Price of a completion token.</param>
/// <param name="Request">Price of a request.</param>
internal sealed record ModelPrice(Int128 Prompt, Int128 Completion, Int128 Request)
{
    /// <summary>Reads the decimal texts of the catalogue.</summary>
    public static ModelPrice Parse(string prompt, string completion, string request)
    {
        return new ModelPrice(Pico.Parse(prompt), Pico.Parse(completion), Pico.Parse(request));
    }

    /// <summary>The bill of a request.</summary>
    public Int128 Bill(long promptTokens, long completionTokens)
    {
        return checked((Prompt * promptTokens) + (Completion * completionTokens) + Request);
    }
}
