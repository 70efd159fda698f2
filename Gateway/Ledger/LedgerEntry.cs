using Gateway.Billing;
using Gateway.Primitives;

namespace Gateway.Ledger;

/// <summary>A change of the row of one generation.</summary>
/// <param name="Id">The row's key, a UUID of version 7: it sorts by time.</param>
internal abstract record LedgerEntry(Guid Id)
{
    /// <summary>A generation is admitted: its row is created in state <see cref="GenerationState.Reserved"/>.</summary>
    public sealed record Began(Guid Id) : LedgerEntry(Id)
    {
        /// <summary>When the request arrived.</summary>
        public required DateTimeOffset StartedAt { get; init; }

        /// <summary>Id of the team.</summary>
        public required string Team { get; init; }

        /// <summary>Label of the team's key.</summary>
        public required string KeyLabel { get; init; }

        /// <summary>Names of the rules applied, or none.</summary>
        public string? Rule { get; init; }

        /// <summary>Version of the settings in force.</summary>
        public required string SettingsVersion { get; init; }

        /// <summary>The endpoint below the base address: <c>/chat/completions</c>.</summary>
        public required string Endpoint { get; init; }

        /// <summary>The model as the client wrote it.</summary>
        public string? AskedModel { get; init; }

        /// <summary>The model that was sent upstream.</summary>
        public string? SentModel { get; init; }

        /// <summary>Whether the request asks for an event stream.</summary>
        public bool Streams { get; init; }

        /// <summary>The reserved amount.</summary>
        public required PicoDollars Reserved { get; init; }

        /// <summary>Whether the reservation is in the budget's counter; not if its store failed and the policy allowed the call.</summary>
        public bool IsCounted { get; init; } = true;
    }

    /// <summary>Upstream named the generation.</summary>
    /// <param name="Id">The row's key.</param>
    /// <param name="GenerationId">Upstream's id.</param>
    /// <param name="Destination">The destination that served the call, where its bill is asked for.</param>
    public sealed record Named(Guid Id, string GenerationId, string? Destination = null) : LedgerEntry(Id);

    /// <summary>The call ended, or its bill was queried. A <see langword="null"/> keeps the row's value.</summary>
    public sealed record Ended(Guid Id) : LedgerEntry(Id)
    {
        /// <summary>Upstream's id, if it is not in the row yet.</summary>
        public string? GenerationId { get; init; }

        /// <summary>The destination that served the call, if it is not in the row yet.</summary>
        public string? Destination { get; init; }

        /// <summary>The new state. A row that is <see cref="GenerationState.Settled"/> does not change any more.</summary>
        public required GenerationState State { get; init; }

        /// <summary>How the call ended, as a word: <c>Completed</c>, <c>ClientLeft</c>…</summary>
        public string? End { get; init; }

        /// <summary>The status of the answer.</summary>
        public int? Status { get; init; }

        /// <summary>The model that answered.</summary>
        public string? AnsweredModel { get; init; }

        /// <summary>The provider that answered.</summary>
        public string? Provider { get; init; }

        /// <summary>Why the model stopped.</summary>
        public string? FinishReason { get; init; }

        /// <summary>The bill; its cost is the row's charge when <see cref="State"/> is settled.</summary>
        public Usage? Usage { get; init; }

        /// <summary>Time from the request to the first data event, or to the first byte of another answer.</summary>
        public TimeSpan? TimeToFirstToken { get; init; }

        /// <summary>When the call ended.</summary>
        public DateTimeOffset? EndedAt { get; init; }

        /// <summary>
        /// When the row reached its last state; set with <see cref="GenerationState.Settled"/> and
        /// <see cref="GenerationState.Unresolvable"/>.
        /// </summary>
        public DateTimeOffset? ClosedAt { get; init; }

        /// <summary>The number of bill queries, including this one; <see langword="null"/> keeps the row's value.</summary>
        public int? Asked { get; init; }

        /// <summary>When to query the bill next; <see langword="null"/> for never.</summary>
        public DateTimeOffset? AskAt { get; init; }

        /// <summary>Whether this entry's charge is in the budget's counter.</summary>
        public bool IsCounted { get; init; } = true;
    }
}
