namespace Gateway.Metering;

/// <summary>
/// The names and positions of the members that are read, for all dialects together. No name has different meanings in two dialects.
/// </summary>
internal static class ResponseShape
{
    /// <summary>The length in bytes of the longest name, <c>upstream_inference_completions_cost</c>.</summary>
    public const int LongestName = 35;

    /// <summary>The member with an unescaped name at a position.</summary>
    public static ResponseMember MemberOf(ResponsePosition position, ReadOnlySpan<byte> name)
    {
        return position switch
        {
            ResponsePosition.Root => OfRoot(name),
            ResponsePosition.Inner => OfResponse(name),
            ResponsePosition.Choice => OfChoice(name),
            ResponsePosition.Usage => OfUsage(name),
            ResponsePosition.Delta when name.SequenceEqual("stop_reason"u8) => ResponseMember.StopReason,
            ResponsePosition.Incomplete when name.SequenceEqual("reason"u8) => ResponseMember.IncompleteReason,
            ResponsePosition.PromptDetails when name.SequenceEqual("cached_tokens"u8) => ResponseMember.CachedTokens,
            ResponsePosition.CostDetails => OfCostDetails(name),
            ResponsePosition.CompletionDetails when name.SequenceEqual("reasoning_tokens"u8) => ResponseMember.ReasoningTokens,
            _ => ResponseMember.None,
        };
    }

    /// <summary>
    /// The position inside an object that is the value of a member; <see cref="ResponsePosition.None"/> if it is not read.
    /// </summary>
    public static ResponsePosition ObjectOf(ResponsePosition position, ResponseMember member)
    {
        return member switch
        {
            ResponseMember.Usage => ResponsePosition.Usage,
            ResponseMember.Response => ResponsePosition.Inner,
            ResponseMember.Delta when position == ResponsePosition.Root => ResponsePosition.Delta,
            ResponseMember.IncompleteDetails => ResponsePosition.Incomplete,
            ResponseMember.PromptDetails => ResponsePosition.PromptDetails,
            ResponseMember.CompletionDetails => ResponsePosition.CompletionDetails,
            ResponseMember.CostDetails => ResponsePosition.CostDetails,
            _ => position == ResponsePosition.Choices ? ResponsePosition.Choice : ResponsePosition.None,
        };
    }

    private static ResponseMember OfRoot(ReadOnlySpan<byte> name)
    {
        return name switch
        {
            _ when name.SequenceEqual("type"u8) => ResponseMember.Type,
            _ when name.SequenceEqual("delta"u8) => ResponseMember.Delta,
            _ when name.SequenceEqual("text"u8) => ResponseMember.Text,
            _ when name.SequenceEqual("content"u8) || name.SequenceEqual("output"u8) || name.SequenceEqual("data"u8) => ResponseMember.Output,
            _ when name.SequenceEqual("request_id"u8) => ResponseMember.RequestId,
            _ when name.SequenceEqual("message"u8) || name.SequenceEqual("response"u8) => ResponseMember.Response,
            _ => OfResponse(name),
        };
    }

    private static ResponseMember OfResponse(ReadOnlySpan<byte> name)
    {
        return name switch
        {
            _ when name.SequenceEqual("id"u8) => ResponseMember.Id,
            _ when name.SequenceEqual("model"u8) => ResponseMember.Model,
            _ when name.SequenceEqual("provider"u8) => ResponseMember.Provider,
            _ when name.SequenceEqual("choices"u8) => ResponseMember.Choices,
            _ when name.SequenceEqual("usage"u8) => ResponseMember.Usage,
            _ when name.SequenceEqual("error"u8) => ResponseMember.Error,
            _ when name.SequenceEqual("status"u8) => ResponseMember.Status,
            _ when name.SequenceEqual("stop_reason"u8) => ResponseMember.StopReason,
            _ when name.SequenceEqual("incomplete_details"u8) => ResponseMember.IncompleteDetails,
            _ when name.SequenceEqual("service_tier"u8) => ResponseMember.ServiceTier,
            _ => ResponseMember.None,
        };
    }

    private static ResponseMember OfChoice(ReadOnlySpan<byte> name)
    {
        return name switch
        {
            _ when name.SequenceEqual("finish_reason"u8) => ResponseMember.StopReason,
            _ when name.SequenceEqual("delta"u8) => ResponseMember.Delta,
            _ when name.SequenceEqual("text"u8) => ResponseMember.Text,
            _ when name.SequenceEqual("error"u8) => ResponseMember.Error,
            _ => ResponseMember.None,
        };
    }

    private static ResponseMember OfCostDetails(ReadOnlySpan<byte> name)
    {
        return name switch
        {
            _ when name.SequenceEqual("upstream_inference_cost"u8) => ResponseMember.UpstreamCost,
            _ when name.SequenceEqual("upstream_inference_prompt_cost"u8) || name.SequenceEqual("upstream_inference_input_cost"u8) =>
                ResponseMember.UpstreamPromptCost,
            _ when name.SequenceEqual("upstream_inference_completions_cost"u8) || name.SequenceEqual("upstream_inference_output_cost"u8) =>
                ResponseMember.UpstreamCompletionCost,
            _ => ResponseMember.None,
        };
    }

    private static ResponseMember OfUsage(ReadOnlySpan<byte> name)
    {
        return name switch
        {
            _ when name.SequenceEqual("prompt_tokens"u8) => ResponseMember.PromptTokens,
            _ when name.SequenceEqual("input_tokens"u8) => ResponseMember.InputTokens,
            _ when name.SequenceEqual("completion_tokens"u8) || name.SequenceEqual("output_tokens"u8) => ResponseMember.CompletionTokens,
            _ when name.SequenceEqual("total_tokens"u8) => ResponseMember.TotalTokens,
            _ when name.SequenceEqual("cost"u8) => ResponseMember.Cost,
            _ when name.SequenceEqual("cost_details"u8) => ResponseMember.CostDetails,
            _ when name.SequenceEqual("is_byok"u8) => ResponseMember.IsByok,
            _ when name.SequenceEqual("prompt_tokens_details"u8) || name.SequenceEqual("input_tokens_details"u8) =>
                ResponseMember.PromptDetails,
            _ when name.SequenceEqual("completion_tokens_details"u8) || name.SequenceEqual("output_tokens_details"u8) =>
                ResponseMember.CompletionDetails,
            _ when name.SequenceEqual("cache_read_input_tokens"u8) => ResponseMember.CacheRead,
            _ when name.SequenceEqual("cache_creation_input_tokens"u8) => ResponseMember.CacheWritten,
            _ when name.SequenceEqual("service_tier"u8) => ResponseMember.ServiceTier,
            _ => ResponseMember.None,
        };
    }
}
