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

/// <summary>Usage of one group. Rows that are not settled count with their reservation.</summary>
/// <param name="Name">The team's id, the key's label and so on; empty if the rows have none. For a key, <c>team/label</c>.</param>
/// <param name="Requests">Rows.</param>
/// <param name="PromptTokens">As far as known.</param>
/// <param name="CompletionTokens">As far as known.</param>
/// <param name="Cost">The charge.</param>
/// <param name="Unresolved">The number of rows without a known bill: those in every state but settled.</param>
internal sealed record UsageRow(
    string Name, long Requests, long PromptTokens, long CompletionTokens, PicoDollars Cost, long Unresolved);

/// <summary>A team's charges in a period, to restore a budget's counter.</summary>
/// <param name="Charged">The sum over all rows; open ones count with their reservation.</param>
/// <param name="Open">The rows that are reserved, provisional, or recent and unresolvable, with their reservation.</param>
/// <param name="Recent">The rows whose ids were created since the time that the query names.</param>
internal sealed record TeamCharges(
    PicoDollars Charged, IReadOnlyDictionary<Guid, PicoDollars> Open, IReadOnlyCollection<Guid> Recent);

/// <summary>A generation that is due for a bill query.</summary>
/// <param name="Id">The row.</param>
/// <param name="Team">The team whose key queries the bill.</param>
/// <param name="GenerationId">Upstream's id.</param>
/// <param name="StartedAt">When the request arrived. It decides the budget period.</param>
/// <param name="EndedAt">When the request ended, or was found to have ended.</param>
/// <param name="Reserved">The reserved amount.</param>
/// <param name="Asked">The number of bill queries so far.</param>
/// <param name="IsCounted">Whether the reservation is in the budget's counter.</param>
/// <param name="Status">The status of upstream's response; <see langword="null"/> if there was none.</param>
/// <param name="Destination">The destination that served the request; <see langword="null"/> in rows of earlier versions.</param>
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
/// <param name="IsUnresolvable">Whether the row is closed without a bill. A late bill may still settle it.</param>
internal sealed record RowCharge(
    Guid Id, string Team, DateTimeOffset StartedAt, bool IsOpen, PicoDollars Charge, bool IsUnresolvable = false);
