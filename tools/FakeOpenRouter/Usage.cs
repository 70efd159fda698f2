namespace FakeOpenRouter;

/// <summary>The <c>usage</c> of a response: tokens, US dollars as written, and the provider's own amount with BYOK.</summary>
internal sealed record Usage(long PromptTokens, long CompletionTokens, string Cost, string? ByokCost)
{
    public long TotalTokens => PromptTokens + CompletionTokens;
}
