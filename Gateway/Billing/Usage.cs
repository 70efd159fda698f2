using Gateway.Primitives;

namespace Gateway.Billing;

/// <summary>What upstream says a generation took, from its answer's <c>usage</c> or from <c>GET /generation</c>.</summary>
internal sealed record Usage
{
    /// <summary>Tokens of the prompt, cached ones included; <see langword="null"/> when not told.</summary>
    public long? PromptTokens { get; init; }

    /// <summary>Tokens of the answer, reasoning included; <see langword="null"/> when not told.</summary>
    public long? CompletionTokens { get; init; }

    /// <summary>Tokens of the prompt that were read from a cache.</summary>
    public long? CachedTokens { get; init; }

    /// <summary>Tokens of the answer that were reasoning.</summary>
    public long? ReasoningTokens { get; init; }

    /// <summary>What is billed; <see langword="null"/> when not told, which is never zero.</summary>
    public PicoDollars? Cost { get; init; }

    /// <summary>What a cache saved, or cost when negative; <see langword="null"/> when not told.</summary>
    public PicoDollars? Discount { get; init; }

    /// <summary>Prompt and completion together, as far as told.</summary>
    public long Tokens => (PromptTokens ?? 0) + (CompletionTokens ?? 0);
}
