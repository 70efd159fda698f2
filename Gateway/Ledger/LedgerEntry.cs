using Gateway.Billing;
using Gateway.Primitives;

namespace Gateway.Ledger;

/// <summary>A change of the row of one generation.</summary>
/// <param name="Id">The row's key, a UUID of version 7, which sorts by time.</param>
internal abstract record LedgerEntry(Guid Id)
{
    /// <summary>A generation is admitted: its row is created in state <see cref="GenerationState.Reserved"/>.</summary>
    public sealed record Began(Guid Id) : LedgerEntry(Id)
    {
        /// <summary>When the request arrived.</summary>
        public required DateTimeOffset StartedAt { get; init; }

        /// <summary>The id of the request (<c>x-request-id</c>). All attempts at one request share it.</summary>
        public string? RequestId { get; init; }

        /// <summary>Id of the team.</summary>
        public required string Team { get; init; }

        /// <summary>Label of the team's key.</summary>
        public required string KeyLabel { get; init; }

        /// <summary>The names of the applied rules; <see langword="null"/> for none.</summary>
        public string? Rule { get; init; }

        /// <summary>The version of the request's settings.</summary>
        public required string SettingsVersion { get; init; }

        /// <summary>The endpoint's path below the base address, such as <c>/chat/completions</c>.</summary>
        public required string Endpoint { get; init; }

        /// <summary>The model as the client wrote it, without keys.</summary>
        public string? AskedModel { get; init; }

        /// <summary>The model that was sent upstream, without keys.</summary>
        public string? SentModel { get; init; }

        /// <summary>Whether the request asks for an event stream.</summary>
        public bool Streams { get; init; }

        /// <summary>The reserved amount.</summary>
        public required PicoDollars Reserved { get; init; }

        /// <summary>
        /// Whether the reservation is in the budget's counter; <see langword="false"/> if the counter's store failed and the policy allowed
        /// the request.
        /// </summary>
        public bool IsCounted { get; init; } = true;
    }

    /// <summary>Upstream named the generation.</summary>
    /// <param name="Id">The row's key.</param>
    /// <param name="GenerationId">Upstream's id.</param>
    /// <param name="Destination">The destination that served the request and that is queried for the bill.</param>
    /// <param name="UpstreamKey">The name of the OpenRouter key that the request carried.</param>
    public sealed record Named(Guid Id, string GenerationId, string? Destination = null, string? UpstreamKey = null) : LedgerEntry(Id);

    /// <summary>The request ended, or its bill was queried. A <see langword="null"/> keeps the row's value.</summary>
    public sealed record Ended(Guid Id) : LedgerEntry(Id)
    {
        /// <summary>Upstream's id, if it is not in the row yet.</summary>
        public string? GenerationId { get; init; }

        /// <summary>The destination that served the request, if it is not in the row yet.</summary>
        public string? Destination { get; init; }

        /// <summary>The name of the OpenRouter key that the request carried, if it is not in the row yet.</summary>
        public string? UpstreamKey { get; init; }

        /// <summary>The new state. A row in state <see cref="GenerationState.Settled"/> does not change any more.</summary>
        public required GenerationState State { get; init; }

        /// <summary>How the request ended, as a word: <c>Completed</c>, <c>ClientLeft</c>…</summary>
        public string? End { get; init; }

        /// <summary>The status of the response.</summary>
        public int? Status { get; init; }

        /// <summary>The model that answered.</summary>
        public string? AnsweredModel { get; init; }

        /// <summary>The provider that answered.</summary>
        public string? Provider { get; init; }

        /// <summary>The data region that upstream routed the call through.</summary>
        public string? Region { get; init; }

        /// <summary>The service tier that the provider reports.</summary>
        public string? ServiceTier { get; init; }

        /// <summary>Why the model stopped.</summary>
        public string? FinishReason { get; init; }

        /// <summary>The bill. Its cost is the row's charge if <see cref="State"/> is settled.</summary>
        public Usage? Usage { get; init; }

        /// <summary>The time from the request to the first data event, or to the first byte of a response that is not a stream.</summary>
        public TimeSpan? TimeToFirstToken { get; init; }

        /// <summary>The time at which the request ended.</summary>
        public DateTimeOffset? EndedAt { get; init; }

        /// <summary>
        /// The time at which the row was closed; set with <see cref="GenerationState.Settled"/> and
        /// <see cref="GenerationState.Unresolvable"/>.
        /// </summary>
        public DateTimeOffset? ClosedAt { get; init; }

        /// <summary>The number of bill queries, including this one; <see langword="null"/> keeps the row's value.</summary>
        public int? Asked { get; init; }

        /// <summary>The time of the next bill query; <see langword="null"/> for none.</summary>
        public DateTimeOffset? AskAt { get; init; }

        /// <summary>
        /// The amount that the budget counts until the bill is known; <see langword="null"/> keeps the row's value, which is the reservation
        /// at first.
        /// </summary>
        public PicoDollars? Held { get; init; }

        /// <summary>Whether upstream failed or refused the call; <see langword="null"/> keeps the row's value.</summary>
        public bool? IsError { get; init; }

        /// <summary>
        /// The tokens that the token limits count until the bill is known; <see langword="null"/> keeps the row's value, which is none at
        /// first.
        /// </summary>
        public long? LimitTokens { get; init; }

        /// <summary>
        /// The clock of <see cref="SettlementSchedule"/>; <see langword="null"/> keeps the row's value, which is zero at first.
        /// </summary>
        public TimeSpan? AnsweredTime { get; init; }

        /// <summary>When the bill was last queried; <see langword="null"/> keeps the row's value.</summary>
        public DateTimeOffset? AskedAt { get; init; }

        /// <summary>Whether the charge of this entry is in the budget's counter.</summary>
        public bool IsCounted { get; init; } = true;
    }
}
