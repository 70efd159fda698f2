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
    /// <summary>Whether it is unknown if the gateway saw upstream's head: it was killed, or its client left before it had one.</summary>
    public bool LeavesOpenWhetherTheHeadCame => WasKilled
        || (Status is null
            && Operation.Kind is StormKind.LeaveAtByte or StormKind.LeaveBeforeHead or StormKind.LeaveInBody or StormKind.Stall)

        // A reset of HTTP/2 discards a head that its reader has not taken yet.
        || (Operation.Kind is StormKind.Cut && Status >= 500);
}
