namespace FakeOpenRouter;

/// <summary>What a call is billed: tokens, and US dollars in decimal arithmetic.</summary>
internal sealed record Usage(int PromptTokens, int CompletionTokens, decimal Cost)
{
    public int TotalTokens => PromptTokens + CompletionTokens;
}
