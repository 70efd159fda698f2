namespace FakeOpenRouter;

/// <summary>The <c>usage</c> of a response: tokens, and US dollars as written.</summary>
internal sealed record Usage(long PromptTokens, long CompletionTokens, string Cost)
{
    public long TotalTokens => PromptTokens + CompletionTokens;
}
