using System.Buffers.Text;
using System.Diagnostics;
using Gateway.Billing;
using Gateway.Primitives;

namespace Gateway.Metering;

/// <summary>
/// Collects the members of a bill, which several documents may state in parts. A missing or invalid token count leaves the previous value. The
/// amounts are those of the last document that states a cost; an invalid amount is unknown.
/// </summary>
internal struct UsageBuilder
{
    private long? _promptTokens;
    private long? _inputTokens;
    private long? _completionTokens;
    private long? _totalTokens;
    private long? _cachedTokens;
    private long? _cacheRead;
    private long? _cacheWritten;
    private long? _reasoningTokens;
    private PicoDollars? _cost;
    private PicoDollars? _upstreamCost;
    private PicoDollars? _upstreamPromptCost;
    private PicoDollars? _upstreamCompletionCost;
    private bool _isByok;
    private bool _statesCost;
    private bool _hasMembers;

    /// <summary>Whether the amount is known.</summary>
    public readonly bool HasCost => _cost is not null;

    /// <summary>Whether the last document states a cost, known or not.</summary>
    public readonly bool StatesCost => _statesCost;

    /// <summary>Begins the bill of the next document.</summary>
    public void BeginDocument()
    {
        _statesCost = false;
        KeepAmounts(default);
    }

    /// <summary>Ends the bill of a document. Without a cost, the amounts of the earlier documents remain.</summary>
    public void EndDocument(in UsageBuilder earlier)
    {
        if (!_statesCost)
        {
            KeepAmounts(earlier);
        }
    }

    /// <summary>Records the value of a token count or of the amount: the text of a number or of a string.</summary>
    public void Note(ResponseMember member, ReadOnlySpan<byte> text, bool isString)
    {
        if (member is ResponseMember.Cost
            or ResponseMember.UpstreamCost or ResponseMember.UpstreamPromptCost or ResponseMember.UpstreamCompletionCost)
        {
            // Some gateways write amounts as strings, to prevent rounding. Without BYOK the provider's amounts may repeat the cost, so they
            // are a bill of their own only beside is_byok.
            Amount(ref this, member) = PicoDollars.TryParse(text, out var cost) && cost >= PicoDollars.Zero ? cost : null;
            if (member == ResponseMember.Cost)
            {
                _statesCost = true;
                _hasMembers |= HasCost;
            }
        }
        else if (member == ResponseMember.IsByok)
        {
            _isByok = !isString && text.SequenceEqual("true"u8);
        }
        else if (!isString
            && Utf8Parser.TryParse(text, out long tokens, out var length) && length == text.Length
            && tokens is >= 0 and <= Usage.MostTokens)
        {
            Tokens(ref this, member) = tokens;
            _hasMembers = true;
        }
    }

    /// <summary>The bill; <see langword="null"/> if no member was read.</summary>
    public readonly Usage? ToUsage()
    {
        if (!_hasMembers)
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
            UpstreamCost = _isByok ? _upstreamCost ?? SumOfParts() : null,
        };
    }

    // Some responses have the provider's costs of prompt and completion only.
    private readonly PicoDollars? SumOfParts() => _upstreamPromptCost is null && _upstreamCompletionCost is null
        ? null
        : (_upstreamPromptCost ?? PicoDollars.Zero) + (_upstreamCompletionCost ?? PicoDollars.Zero);

    private void KeepAmounts(in UsageBuilder other)
    {
        _cost = other._cost;
        _upstreamCost = other._upstreamCost;
        _upstreamPromptCost = other._upstreamPromptCost;
        _upstreamCompletionCost = other._upstreamCompletionCost;
        _isByok = other._isByok;
    }

    private static ref PicoDollars? Amount(ref UsageBuilder usage, ResponseMember member)
    {
        switch (member)
        {
            case ResponseMember.UpstreamPromptCost:
                return ref usage._upstreamPromptCost;
            case ResponseMember.UpstreamCompletionCost:
                return ref usage._upstreamCompletionCost;
            case ResponseMember.UpstreamCost:
                return ref usage._upstreamCost;
            default:
                return ref usage._cost;
        }
    }

    private static ref long? Tokens(ref UsageBuilder usage, ResponseMember member)
    {
        switch (member)
        {
            case ResponseMember.PromptTokens:
                return ref usage._promptTokens;
            case ResponseMember.InputTokens:
                return ref usage._inputTokens;
            case ResponseMember.CompletionTokens:
                return ref usage._completionTokens;
            case ResponseMember.CachedTokens:
                return ref usage._cachedTokens;
            case ResponseMember.CacheRead:
                return ref usage._cacheRead;
            case ResponseMember.CacheWritten:
                return ref usage._cacheWritten;
            case ResponseMember.ReasoningTokens:
                return ref usage._reasoningTokens;
            case ResponseMember.TotalTokens:
                return ref usage._totalTokens;
            default:
                throw new UnreachableException();
        }
    }
}
