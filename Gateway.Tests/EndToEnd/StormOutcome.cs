namespace Gateway.Tests.EndToEnd;

/// <summary>The outcome of one call that its client saw.</summary>
/// <param name="ScriptId">The call's <c>x-fake-id</c>.</param>
/// <param name="Operation">The planned course of the call.</param>
/// <param name="Status">The status of the answer; <see langword="null"/> when no head came.</param>
/// <param name="GenerationId">The answer's <c>X-Generation-Id</c>.</param>
/// <param name="IsComplete">Whether the answer came to the end that its framing promised.</param>
/// <param name="WasKilled">Whether its gateway was killed while it ran.</param>
internal sealed record StormOutcome(
    string ScriptId, StormOperation Operation, int? Status, string? GenerationId, bool IsComplete, bool WasKilled)
{
    /// <summary>The team of the call's key.</summary>
    public required string Team { get; init; }

    /// <summary>The answer's <c>x-request-id</c>, which the call's rows have too; <see langword="null"/> when no head came.</summary>
    public string? RequestId { get; init; }

    /// <summary>The number of times that the gateway has sent the call (<c>x-gateway-attempts</c>).</summary>
    public int Attempts { get; init; } = 1;

    /// <summary>Whether the answer is an error of the gateway's own (<c>x-gateway-error</c>).</summary>
    public bool IsOwnError { get; init; }

    /// <summary>Whether such an error stands for an answer of upstream (<c>x-gateway-upstream-status</c>).</summary>
    public bool ReplacesAnAnswer { get; init; }

    /// <summary>The label of the call's key.</summary>
    public string KeyLabel => ScriptId[..ScriptId.LastIndexOf('-')];

    /// <summary>
    /// The least and the most rows that a call with a head has: one for each attempt, while sendings that the HTTP client repeats by itself
    /// share one. An error of the gateway's own is a failure of upstream, which has a row, or a refusal, which has none: a 500 or a 503 may be
    /// either.
    /// </summary>
    public (int Least, int Most) Rows => !IsOwnError || ReplacesAnAnswer || Status is 502 or 504 ? (1, Attempts)
        : Status is 500 or 503 ? (0, Attempts)
        : (0, 0);

    /// <summary>Whether it is unknown if the gateway saw upstream's head: it was killed, or its client left before it had one.</summary>
    public bool LeavesOpenWhetherTheHeadCame => WasKilled
        || (Status is null && LeavesBeforeItsEnd)

        // A reset of HTTP/2 discards a head that its reader has not taken yet.
        || (Operation.Kind is StormKind.Cut && Status >= 500);

    /// <summary>Whether the client leaves before the end of the answer, so that it may have no head.</summary>
    public bool LeavesBeforeItsEnd => Operation.Kind
        is StormKind.LeaveAtByte or StormKind.LeaveBeforeHead or StormKind.LeaveInBody or StormKind.Stall;

    /// <summary>The call in a word, for messages.</summary>
    public string Description => $"{ScriptId} ({Operation.Kind}, {Status?.ToString() ?? "no head"}{(WasKilled ? ", killed" : "")})";
}
