using Gateway.Primitives;

namespace Gateway.Ledger;

/// <summary>Usage of one group. Rows that are not settled count with their reservation.</summary>
/// <param name="Names">
/// The values of the members of <see cref="UsageSelection.Groups"/>, in their order. A value is empty if the rows have none.
/// </param>
/// <param name="Requests">The number of rows.</param>
/// <param name="PromptTokens">As far as known.</param>
/// <param name="CompletionTokens">As far as known.</param>
/// <param name="Cost">The charge.</param>
/// <param name="Unresolved">The number of rows without a known bill: those in every state but settled and written off.</param>
internal sealed record UsageRow(
    IReadOnlyList<string> Names, long Requests, long PromptTokens, long CompletionTokens, PicoDollars Cost, long Unresolved);
