using Gateway.Primitives;

namespace Gateway.Ledger;

/// <summary>The grouping of usage.</summary>
internal enum UsageGroup
{
    Team,
    Key,
    Model,
    Provider,
    Rule,
}

/// <summary>Usage of one group. Rows that are not settled count at their reservation.</summary>
/// <param name="Name">The team's id, the key's label and so on; empty when the rows have none. Of a key it is <c>team/label</c>.</param>
/// <param name="Requests">Rows.</param>
/// <param name="PromptTokens">As far as known.</param>
/// <param name="CompletionTokens">As far as known.</param>
/// <param name="Cost">What is charged.</param>
/// <param name="Unresolved">Rows without a known bill: those in every state but settled.</param>
internal sealed record UsageRow(
    string Name, long Requests, long PromptTokens, long CompletionTokens, PicoDollars Cost, long Unresolved);

/// <summary>A team's charges in a period, to restore a budget's counter.</summary>
/// <param name="Charged">The sum of all rows, open ones at their reservation.</param>
/// <param name="Open">The rows that are reserved or provisional, with their reservation.</param>
internal sealed record TeamCharges(PicoDollars Charged, IReadOnlyDictionary<Guid, PicoDollars> Open);

/// <summary>A generation with a bill query due.</summary>
/// <param name="Id">The row.</param>
/// <param name="Team">The team whose key queries the bill.</param>
/// <param name="GenerationId">Upstream's id.</param>
/// <param name="StartedAt">When its request arrived; decides the budget period.</param>
/// <param name="EndedAt">When the call ended, or was found to have ended.</param>
/// <param name="Reserved">The reserved amount.</param>
/// <param name="Asked">The number of bill queries so far.</param>
/// <param name="IsCounted">Whether the reservation is in the budget's counter.</param>
/// <param name="Status">The status of upstream's answer, or <see langword="null"/> when none came.</param>
/// <param name="Destination">The destination that served the call; <see langword="null"/> in rows of earlier versions.</param>
internal sealed record PendingGeneration(
    Guid Id,
    string Team,
    string GenerationId,
    DateTimeOffset StartedAt,
    DateTimeOffset EndedAt,
    PicoDollars Reserved,
    int Asked,
    bool IsCounted,
    int? Status = null,
    string? Destination = null);

/// <summary>A row's charge, for correcting a budget's counter.</summary>
/// <param name="Id">The row.</param>
/// <param name="Team">The team.</param>
/// <param name="StartedAt">When its request arrived.</param>
/// <param name="IsOpen">Whether the charge may still change.</param>
/// <param name="Charge">The cost when settled, else the reservation.</param>
internal sealed record RowCharge(Guid Id, string Team, DateTimeOffset StartedAt, bool IsOpen, PicoDollars Charge);
