using System.Buffers.Text;
using System.Diagnostics;
using Gateway.Billing;
using Gateway.Primitives;

namespace Gateway.Metering;

/// <summary>Collects a bill. A missing or unreadable member keeps its previous value.</summary>
internal struct UsageBuilder
{
    // Far above any token count, and low enough that sums do not overflow.
    private const long MaxTokens = 1_000_000_000_000_000;

    private long? _promptTokens;
    private long? _inputTokens;
    private long? _completionTokens;
    private long? _totalTokens;
    private long? _cachedTokens;
    private long? _cacheRead;
    private long? _cacheWritten;
    private long? _reasoningTokens;
    private PicoDollars? _cost;
    private bool _isTold;

    /// <summary>Takes the value of a count or of the amount: the text of a number or of a string.</summary>
    public void Note(ResponseMember member, ReadOnlySpan<byte> text, bool isString)
    {
        if (member == ResponseMember.Cost)
        {
            // Some gateways write amounts as strings, to prevent rounding.
            if (PicoDollars.TryParse(text, out var cost) && cost >= PicoDollars.Zero)
            {
                _cost = cost;
                _isTold = true;
            }
        }
        else if (!isString
            && Utf8Parser.TryParse(text, out long tokens, out var length) && length == text.Length
            && tokens is >= 0 and <= MaxTokens)
        {
            Tokens(ref this, member) = tokens;
            _isTold = true;
        }
    }

    /// <summary>The bill; <see langword="null"/> when no member of it was read.</summary>
    public readonly Usage? ToUsage()
    {
        if (!_isTold)
        {
            return null;
        }

        // Anthropic's input tokens exclude cached tokens; the other dialects include them.
        var prompt = _promptTokens ?? (_inputTokens is { } input ? input + (_cacheRead ?? 0) + (_cacheWritten ?? 0) : null);
        return new Usage
        {
            PromptTokens = prompt is null && _completionTokens is null ? _totalTokens : prompt,
            CompletionTokens = _completionTokens,
            CachedTokens = _cachedTokens ?? _cacheRead,
            ReasoningTokens = _reasoningTokens,
            Cost = _cost,
        };
    }

    private static ref long? Tokens(ref UsageBuilder notes, ResponseMember member)
    {
        switch (member)
        {
            case ResponseMember.PromptTokens:
                return ref notes._promptTokens;
            case ResponseMember.InputTokens:
                return ref notes._inputTokens;
            case ResponseMember.CompletionTokens:
                return ref notes._completionTokens;
            case ResponseMember.CachedTokens:
                return ref notes._cachedTokens;
            case ResponseMember.CacheRead:
                return ref notes._cacheRead;
            case ResponseMember.CacheWritten:
                return ref notes._cacheWritten;
            case ResponseMember.ReasoningTokens:
                return ref notes._reasoningTokens;
            case ResponseMember.TotalTokens:
                return ref notes._totalTokens;
            default:
                throw new UnreachableException();
        }
    }
}
