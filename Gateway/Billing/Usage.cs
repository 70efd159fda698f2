using Gateway.Primitives;

namespace Gateway.Billing;

/// <summary>
/// Upstream's bill of a generation: its tokens and its cost, from the response's <c>usage</c> or from <c>GET /generation</c>.
/// </summary>
internal sealed record Usage
{
    /// <summary>
    /// The highest number of tokens that is read from a bill: far above any token count, and small enough that sums do not overflow.
    /// </summary>
    public const long MostTokens = 1_000_000_000_000_000;

    /// <summary>Tokens of the prompt, including cached ones; <see langword="null"/> if unknown.</summary>
    public long? PromptTokens { get; init; }

    /// <summary>Tokens of the completion, including reasoning; <see langword="null"/> if unknown.</summary>
    public long? CompletionTokens { get; init; }

    /// <summary>Tokens of the prompt that were read from a cache; <see langword="null"/> if unknown.</summary>
    public long? CachedTokens { get; init; }

    /// <summary>Tokens of the completion that were reasoning; <see langword="null"/> if unknown.</summary>
    public long? ReasoningTokens { get; init; }

    /// <summary>The billed amount; <see langword="null"/> if unknown. An unknown amount never counts as zero.</summary>
    public PicoDollars? Cost { get; init; }

    /// <summary>
    /// The provider's own amount for a call with the account's key at that provider (BYOK), which <see cref="Cost"/> does not include;
    /// <see langword="null"/> without BYOK.
    /// </summary>
    public PicoDollars? UpstreamCost { get; init; }

    /// <summary>The amount that caching saved, negative if it added to the cost; <see langword="null"/> if unknown.</summary>
    public PicoDollars? Discount { get; init; }

    /// <summary>The amount that a budget counts; zero if <see cref="Cost"/> is unknown.</summary>
    /// <param name="includesByok">Whether the budget counts the provider's own amounts.</param>
    public PicoDollars Charge(bool includesByok) =>
        (Cost ?? PicoDollars.Zero) + (includesByok ? UpstreamCost ?? PicoDollars.Zero : PicoDollars.Zero);

    /// <summary>Whether a number of tokens is known.</summary>
    public bool HasTokens => PromptTokens is not null || CompletionTokens is not null;

    /// <summary>Tokens of prompt and completion; an unknown number counts as zero.</summary>
    public long Tokens => (PromptTokens ?? 0) + (CompletionTokens ?? 0);
}
