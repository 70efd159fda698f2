using Gateway.Primitives;

namespace Gateway.Ledger;

/// <summary>The charges of a team, or of one of its keys, in a period, to restore a budget's counter.</summary>
/// <param name="Charged">
/// The sum over all rows, without the providers' own amounts; open ones count with the amount held for them, unresolvable ones with their
/// reservation for a time.
/// </param>
/// <param name="Open">
/// The rows that are reserved, provisional, or unresolvable and counted for a time, with the amounts held for them.
/// </param>
/// <param name="Recent">The rows whose ids were created since the time that the query names.</param>
internal sealed record TeamCharges(
    PicoDollars Charged, IReadOnlyDictionary<Guid, PicoDollars> Open, IReadOnlyCollection<Guid> Recent)
{
    /// <summary>The providers' own amounts (BYOK) of settled rows.</summary>
    public PicoDollars UpstreamCost { get; init; }

    /// <summary>The rows that are not charged although their bill is unknown, if a late bill may still settle them.</summary>
    public IReadOnlyCollection<Guid> Expired { get; init; } = [];
}

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
/// <param name="KeyLabel">Label of the team's key.</param>
/// <param name="IsError">Whether upstream failed or refused the call. Not known of rows of earlier versions.</param>
/// <param name="LimitTokens">The tokens that the token limits count for the call; <see langword="null"/> without such limits.</param>
/// <param name="AnsweredTime">The clock of the schedule.</param>
/// <param name="AskedAt">When the bill was last queried; <see langword="null"/> for never.</param>
/// <param name="UpstreamKey">
/// The name of the OpenRouter key that the request carried; <see langword="null"/> in rows of earlier versions, and if it is too long for
/// the ledger.
/// </param>
/// <param name="Endpoint">The endpoint's path below the base address.</param>
/// <param name="SentModel">The model that was sent upstream; <see langword="null"/> without one.</param>
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
    string? Destination = null,
    string KeyLabel = "",
    bool IsError = false,
    long? LimitTokens = null,
    TimeSpan AnsweredTime = default,
    DateTimeOffset? AskedAt = null,
    string? UpstreamKey = null,
    string Endpoint = "",
    string? SentModel = null);

/// <summary>A row's charge, for correcting a budget's counter.</summary>
/// <param name="Id">The row.</param>
/// <param name="Team">The team.</param>
/// <param name="StartedAt">When its request arrived.</param>
/// <param name="IsOpen">Whether the charge may still change.</param>
/// <param name="Charge">The cost when settled, the reservation when unresolvable, zero when written off, else the held amount.</param>
/// <param name="IsUnresolvable">
/// Whether the row is closed without a bill and counts its reservation for a time. A late bill may still settle it.
/// </param>
/// <param name="UpstreamCost">The provider's own amount (BYOK) when settled.</param>
/// <param name="ClosedAt">When the row was closed; <see langword="null"/> for an open one.</param>
/// <param name="IsExpired">
/// Whether the row is closed without a bill and counts nothing, such as a row that is written off. A late bill may still settle it.
/// </param>
/// <param name="KeyLabel">Label of the team's key.</param>
internal sealed record RowCharge(
    Guid Id,
    string Team,
    DateTimeOffset StartedAt,
    bool IsOpen,
    PicoDollars Charge,
    bool IsUnresolvable = false,
    PicoDollars UpstreamCost = default,
    DateTimeOffset? ClosedAt = null,
    bool IsExpired = false,
    string KeyLabel = "");

/// <summary>A page of the closed rows of a budget whose charge is not in its counter yet, in the order of their start.</summary>
/// <param name="Team">Their team.</param>
/// <param name="KeyLabel">The label of the team's key; <see langword="null"/> for all keys.</param>
/// <param name="From">The earliest start of a row.</param>
/// <param name="After">The id that those of rows with the start <paramref name="From"/> exceed; empty for the first page.</param>
/// <param name="Max">The most rows of the page.</param>
internal sealed record UncountedPage(string Team, string? KeyLabel, DateTimeOffset From, Guid After, int Max);

/// <summary>The unresolvable rows to write off.</summary>
/// <param name="Team">Their team.</param>
/// <param name="Until">The time before which their requests arrived; <see langword="null"/> for no bound.</param>
/// <param name="Id">Upstream's id or the row's own, if only one row is meant.</param>
internal sealed record WriteOffQuery(string Team, DateTimeOffset? Until, string? Id);

/// <summary>An unresolvable row, to be written off.</summary>
/// <param name="Id">The row.</param>
/// <param name="StartedAt">When its request arrived.</param>
/// <param name="KeyLabel">Label of the team's key.</param>
/// <param name="Model">The model; empty if the request names none.</param>
/// <param name="GenerationId">Upstream's id; <see langword="null"/> without one.</param>
/// <param name="Reserved">The reservation.</param>
internal sealed record UnresolvedRow(
    Guid Id, DateTimeOffset StartedAt, string KeyLabel, string Model, string? GenerationId, PicoDollars Reserved);
