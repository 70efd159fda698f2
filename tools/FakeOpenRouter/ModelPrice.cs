namespace FakeOpenRouter;

/// <summary>What a model costs, in pico-dollars.</summary>
/// <param name="Prompt">A token of the prompt.</param>
/// <param name="Completion">A token of the answer.</param>
/// <param name="Request">A call.</param>
internal sealed record ModelPrice(Int128 Prompt, Int128 Completion, Int128 Request)
{
    /// <summary>Reads the decimal texts of the catalogue.</summary>
    public static ModelPrice Parse(string prompt, string completion, string request)
    {
        return new ModelPrice(Pico.Parse(prompt), Pico.Parse(completion), Pico.Parse(request));
    }

    /// <summary>The bill of a call.</summary>
    public Int128 Bill(long promptTokens, long completionTokens)
    {
        return checked((Prompt * promptTokens) + (Completion * completionTokens) + Request);
    }
}
