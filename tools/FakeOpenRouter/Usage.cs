namespace FakeOpenRouter;

/// <summary>What an answer's <c>usage</c> says: tokens, and US dollars as they are written.</summary>
internal sealed record Usage(long PromptTokens, long CompletionTokens, string Cost)
{
    public long TotalTokens => PromptTokens + CompletionTokens;
}
