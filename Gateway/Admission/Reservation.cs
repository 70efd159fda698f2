using Gateway.Billing;
using Gateway.Ledger;
using Gateway.Limits;
using Gateway.Metering;
using Gateway.Primitives;
using Gateway.Teams;

namespace Gateway.Admission;

/// <summary>
/// What was set aside for one call: its place under the limits, its part of the budget, its row in the ledger. Only
/// <see cref="AdmissionController"/> makes one. It is settled once, however the call ends, and before the client can see the end of its answer.
/// </summary>
internal sealed class Reservation
{
    private readonly IBudgetStore _budgets;
    private readonly ILedger _ledger;
    private readonly TimeProvider _time;
    private int _settled;
    private bool _isNamed;

    public Reservation(IBudgetStore budgets, ILedger ledger, TimeProvider time)
    {
        _budgets = budgets;
        _ledger = ledger;
        _time = time;
    }

    /// <summary>The row's key, and the reservation's in every store.</summary>
    public required Guid Id { get; init; }

    /// <summary>The team that pays.</summary>
    public required Team Team { get; init; }

    /// <summary>The model that goes upstream, if one is named.</summary>
    public string? SentModel { get; init; }

    /// <summary>What is set aside.</summary>
    public required PicoDollars Amount { get; init; }

    /// <summary>The budget's period that it is set aside in, when the team has a budget.</summary>
    public BudgetKey? Budget { get; init; }

    /// <summary>Whether the budget's counter knows of it.</summary>
    public bool IsCounted { get; init; }

    /// <summary>The place under the limits, when there are any.</summary>
    public ILimitLease? Lease { get; init; }

    /// <summary>Whether the row waits in memory for a ledger that failed when the call was let in.</summary>
    public bool IsPosted { get; init; }

    /// <summary>Upstream's id of the generation, once it is known.</summary>
    public string? GenerationId { get; private set; }

    /// <summary>The destination that the request was sent to, which is asked for the bill. Set by the last request transform.</summary>
    public string? Destination { get; set; }

    /// <summary>What was read from the answer; set when settled.</summary>
    public ResponseFacts Facts { get; private set; } = ResponseFacts.None;

    /// <summary>What the call costs as far as known; set when settled.</summary>
    public SettlementDecision? SettlementDecision { get; private set; }

    /// <summary>How the call ended; set when settled.</summary>
    public RequestEnd End { get; private set; }

    /// <summary>Whether it is settled.</summary>
    public bool IsSettled => Volatile.Read(ref _settled) != 0;

    /// <summary>Takes upstream's id. It is durable only with <see cref="KeepNameAsync"/>, or with the settlement.</summary>
    public void Name(string generationId) => GenerationId ??= generationId;

    /// <summary>Makes upstream's id durable, so that a process that dies now can still be billed rightly.</summary>
    public ValueTask KeepNameAsync()
    {
        if (_isNamed || GenerationId is null || IsSettled)
        {
            return default;
        }

        _isNamed = true;
        return WriteAsync(new LedgerEntry.Named(Id, GenerationId, Destination));
    }

    /// <summary>Settles by what is known when the answer, or the call, is over. Only the first call counts.</summary>
    /// <param name="end">How the call ended.</param>
    /// <param name="wasSent">Whether upstream can have seen any of the request.</param>
    /// <param name="status">The status of upstream's answer, or <see langword="null"/>.</param>
    /// <param name="isStream">Whether the answer is an event stream.</param>
    /// <param name="facts">What was read from the answer.</param>
    /// <param name="timeToFirstToken">From the request to the answer's first data.</param>
    public async ValueTask SettleAsync(
        RequestEnd end, bool wasSent, int? status, bool isStream, ResponseFacts facts, TimeSpan? timeToFirstToken)
    {
        if (Interlocked.Exchange(ref _settled, 1) != 0)
        {
            return;
        }

        var bill = Admission.SettlementDecision.Of(Amount, wasSent, status, GenerationId, isStream, facts);
        Facts = facts;
        SettlementDecision = bill;
        End = end;
        if (Lease is not null)
        {
            // Nothing was used where nothing was generated; otherwise the estimate stands until somebody knows better.
            await Lease.ReturnAsync(facts.Usage?.Tokens ?? (bill is { State: GenerationState.Settled } ? 0 : null));
        }

        var isCounted = IsCounted;
        if (Budget is { } budget && bill.State != GenerationState.Provisional)
        {
            isCounted = await _budgets.SettleAsync(budget, Id, Amount, bill.Charge, IsCounted);
        }

        var now = _time.GetUtcNow();
        var entry = new LedgerEntry.Ended(Id)
        {
            GenerationId = _isNamed ? null : GenerationId,
            Destination = _isNamed ? null : Destination,
            State = bill.State,
            End = end.ToWord(),
            Status = status,
            AnsweredModel = facts.Model,
            Provider = facts.Provider,
            FinishReason = facts.FinishReason,
            Usage = bill.State == GenerationState.Settled ? (facts.Usage ?? new Usage()) with { Cost = bill.Charge } : facts.Usage,
            TimeToFirstToken = timeToFirstToken,
            EndedAt = now,
            ClosedAt = bill.State == GenerationState.Provisional ? null : now,
            AskAt = bill.State == GenerationState.Provisional ? now + SettlementSchedule.First : null,
            IsCounted = Budget is null || isCounted,
        };

        // The id, where it comes with the end, has to be durable before the answer's first byte.
        if (entry.GenerationId is not null && end == RequestEnd.Completed)
        {
            await WriteAsync(entry);
        }
        else
        {
            _ledger.Post(entry);
        }
    }

    // A ledger that fails now does not end a call that upstream bills anyway: the entry waits in memory.
    private async ValueTask WriteAsync(LedgerEntry entry)
    {
        if (IsPosted)
        {
            _ledger.Post(entry);
            return;
        }

        try
        {
            await _ledger.WriteAsync(entry);
        }
        catch (LedgerException)
        {
            _ledger.Post(entry);
        }
    }
}
