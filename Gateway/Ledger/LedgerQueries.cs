using Gateway.Primitives;

namespace Gateway.Ledger;

/// <summary>What usage is summed up by.</summary>
internal enum UsageGroup
{
    Team,
    Key,
    Model,
    Provider,
    Rule,
}

/// <summary>Usage of one group. Provisional and unresolvable rows count at their reservation, as do those under way.</summary>
/// <param name="Name">The team's id, the key's label and so on; empty when the rows have none. Of a key it is <c>team/label</c>.</param>
/// <param name="Requests">Rows.</param>
/// <param name="PromptTokens">As far as known.</param>
/// <param name="CompletionTokens">As far as known.</param>
/// <param name="Cost">What is charged.</param>
/// <param name="Unresolved">Rows whose bill is not known: every state but settled.</param>
internal sealed record UsageRow(
    string Name, long Requests, long PromptTokens, long CompletionTokens, PicoDollars Cost, long Unresolved);

/// <summary>What a team was charged in a time, for a budget's counter that has lost its memory.</summary>
/// <param name="Charged">The sum of all rows, open ones at their reservation.</param>
/// <param name="Open">The rows that are reserved or provisional, with their reservation.</param>
internal sealed record TeamCharges(PicoDollars Charged, IReadOnlyDictionary<Guid, PicoDollars> Open);

/// <summary>A generation whose bill is to be asked for.</summary>
/// <param name="Id">The row.</param>
/// <param name="Team">Whose key to ask with.</param>
/// <param name="GenerationId">Upstream's id.</param>
/// <param name="StartedAt">When its request came, which also says to which period of a budget it belongs.</param>
/// <param name="EndedAt">When the call was over, or was found to be.</param>
/// <param name="Reserved">The amount set aside.</param>
/// <param name="Asked">How often upstream was asked.</param>
/// <param name="IsCounted">Whether the budget's counter knows the reservation.</param>
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

/// <summary>A row's charge, for putting a budget's counter right.</summary>
/// <param name="Id">The row.</param>
/// <param name="Team">The team.</param>
/// <param name="StartedAt">When its request came.</param>
/// <param name="IsOpen">Whether the charge may still change.</param>
/// <param name="Charge">The cost when settled, else the reservation.</param>
internal sealed record RowCharge(Guid Id, string Team, DateTimeOffset StartedAt, bool IsOpen, PicoDollars Charge);
