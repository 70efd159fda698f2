namespace Gateway.Metering;

/// <summary>The shape of an answer in all dialects at once: no name means one thing here and another there.</summary>
internal static class AnswerShape
{
    /// <summary>The longest name that matters, in bytes: <c>cache_creation_input_tokens</c>.</summary>
    public const int LongestName = 27;

    /// <summary>The member that a name, escapes resolved, means in a place.</summary>
    public static AnswerMember MemberOf(AnswerPlace place, ReadOnlySpan<byte> name)
    {
        return place switch
        {
            AnswerPlace.Root => OfRoot(name),
            AnswerPlace.Inner => OfAnswer(name),
            AnswerPlace.Choice => OfChoice(name),
            AnswerPlace.Usage => OfUsage(name),
            AnswerPlace.Delta when name.SequenceEqual("stop_reason"u8) => AnswerMember.StopReason,
            AnswerPlace.Incomplete when name.SequenceEqual("reason"u8) => AnswerMember.IncompleteReason,
            AnswerPlace.PromptDetails when name.SequenceEqual("cached_tokens"u8) => AnswerMember.CachedTokens,
            AnswerPlace.CompletionDetails when name.SequenceEqual("reasoning_tokens"u8) => AnswerMember.ReasoningTokens,
            _ => AnswerMember.None,
        };
    }

    /// <summary>The place that the object of a member is; <see cref="AnswerPlace.None"/> when it is not looked into.</summary>
    public static AnswerPlace ObjectOf(AnswerPlace place, AnswerMember member)
    {
        return member switch
        {
            AnswerMember.Usage => AnswerPlace.Usage,
            AnswerMember.Answer => AnswerPlace.Inner,
            AnswerMember.Delta => AnswerPlace.Delta,
            AnswerMember.IncompleteDetails => AnswerPlace.Incomplete,
            AnswerMember.PromptDetails => AnswerPlace.PromptDetails,
            AnswerMember.CompletionDetails => AnswerPlace.CompletionDetails,
            _ => place == AnswerPlace.Choices ? AnswerPlace.Choice : AnswerPlace.None,
        };
    }

    private static AnswerMember OfRoot(ReadOnlySpan<byte> name)
    {
        return name switch
        {
            _ when name.SequenceEqual("type"u8) => AnswerMember.Type,
            _ when name.SequenceEqual("delta"u8) => AnswerMember.Delta,
            _ when name.SequenceEqual("message"u8) || name.SequenceEqual("response"u8) => AnswerMember.Answer,
            _ => OfAnswer(name),
        };
    }

    private static AnswerMember OfAnswer(ReadOnlySpan<byte> name)
    {
        return name switch
        {
            _ when name.SequenceEqual("id"u8) => AnswerMember.Id,
            _ when name.SequenceEqual("model"u8) => AnswerMember.Model,
            _ when name.SequenceEqual("provider"u8) => AnswerMember.Provider,
            _ when name.SequenceEqual("choices"u8) => AnswerMember.Choices,
            _ when name.SequenceEqual("usage"u8) => AnswerMember.Usage,
            _ when name.SequenceEqual("error"u8) => AnswerMember.Error,
            _ when name.SequenceEqual("status"u8) => AnswerMember.Status,
            _ when name.SequenceEqual("stop_reason"u8) => AnswerMember.StopReason,
            _ when name.SequenceEqual("incomplete_details"u8) => AnswerMember.IncompleteDetails,
            _ => AnswerMember.None,
        };
    }

    private static AnswerMember OfChoice(ReadOnlySpan<byte> name)
    {
        return name switch
        {
            _ when name.SequenceEqual("finish_reason"u8) => AnswerMember.StopReason,
            _ when name.SequenceEqual("error"u8) => AnswerMember.Error,
            _ => AnswerMember.None,
        };
    }

    private static AnswerMember OfUsage(ReadOnlySpan<byte> name)
    {
        return name switch
        {
            _ when name.SequenceEqual("prompt_tokens"u8) => AnswerMember.PromptTokens,
            _ when name.SequenceEqual("input_tokens"u8) => AnswerMember.InputTokens,
            _ when name.SequenceEqual("completion_tokens"u8) || name.SequenceEqual("output_tokens"u8) => AnswerMember.CompletionTokens,
            _ when name.SequenceEqual("total_tokens"u8) => AnswerMember.TotalTokens,
            _ when name.SequenceEqual("cost"u8) => AnswerMember.Cost,
            _ when name.SequenceEqual("prompt_tokens_details"u8) || name.SequenceEqual("input_tokens_details"u8) =>
                AnswerMember.PromptDetails,
            _ when name.SequenceEqual("completion_tokens_details"u8) || name.SequenceEqual("output_tokens_details"u8) =>
                AnswerMember.CompletionDetails,
            _ when name.SequenceEqual("cache_read_input_tokens"u8) => AnswerMember.CacheRead,
            _ when name.SequenceEqual("cache_creation_input_tokens"u8) => AnswerMember.CacheWritten,
            _ => AnswerMember.None,
        };
    }
}
