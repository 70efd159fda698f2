using System.Net.Http.Headers;
using Gateway.Billing;
using Gateway.Ledger;
using Gateway.Limits;
using Gateway.Primitives;
using Gateway.Teams;

namespace Gateway.Metering;

/// <summary>
/// One attempt at a metered call, and the only owner of its resources: the rate-limit lease, the budget reservation and the ledger row. It
/// knows how much of the request upstream has seen and how the call ended. It settles exactly once: when the answer is complete, before its
/// last bytes go to the client, when the answer breaks, or at the latest in <see cref="DisposeAsync"/>.
/// </summary>
/// <remarks>
/// Admission acquires (<see cref="TakeLeaseAsync"/>, <see cref="ReserveAsync"/>, <see cref="BeginAsync"/>) or gives up
/// (<see cref="CancelAsync"/>). Afterwards the events of the call follow in order: <see cref="Sent"/>, <see cref="Answered"/>,
/// <see cref="Named"/>, then <see cref="CompletedAsync"/> or <see cref="EndedAsync"/>. Another attempt is another instance with
/// reservations of its own.
/// </remarks>
internal sealed class MeteredCall : IAsyncDisposable
{
    private readonly IBudgetStore _budgets;
    private readonly ILedger _ledger;
    private readonly TimeProvider _time;
    private readonly long _startedAt;
    private ILimitLease? _lease;
    private BudgetKey? _budget;
    private bool _isReserved;
    private bool _mayHaveRow;
    private bool _isRowDeferred;
    private bool _wasSent;
    private bool _isNameDurable;
    private string? _destination;
    private int? _status;
    private MeteredResponse? _response;
    private int _settled;

    /// <summary>Creates a call that has acquired nothing yet.</summary>
    /// <param name="budgets">Counts the budget.</param>
    /// <param name="ledger">Keeps the row.</param>
    /// <param name="time">The host's clock.</param>
    /// <param name="startedAt">When the request began, as a timestamp of <paramref name="time"/>.</param>
    public MeteredCall(IBudgetStore budgets, ILedger ledger, TimeProvider time, long startedAt)
    {
        _budgets = budgets;
        _ledger = ledger;
        _time = time;
        _startedAt = startedAt;
    }

    /// <summary>Key of the ledger row, and of the lease and the reservation in every store.</summary>
    public required Guid Id { get; init; }

    /// <summary>The amount to reserve; also the charge as long as the bill is unknown.</summary>
    public required PicoDollars Reserved { get; init; }

    /// <summary>Whether the budget's counter includes the reservation, or there is no budget to count.</summary>
    public bool IsCounted => _budget is null || _isReserved;

    /// <summary>Upstream's id of the generation, once it is known.</summary>
    public string? GenerationId { get; private set; }

    /// <summary>The result; <see langword="null"/> until the call is settled.</summary>
    public CallSettlement? Settlement { get; private set; }

    /// <summary>From the start of the request to the first data of the answer; <see langword="null"/> without data.</summary>
    public TimeSpan? TimeToFirstToken => _response?.FirstDataAt is { } first ? _time.GetElapsedTime(_startedAt, first) : null;

    private bool IsSettled => Volatile.Read(ref _settled) != 0;

    /// <summary>Acquires a rate-limit lease.</summary>
    /// <returns>The store's result; without a lease in it the request is refused.</returns>
    /// <exception cref="LimitStoreException">The store failed.</exception>
    public async ValueTask<LimitResult> TakeLeaseAsync(ILimitStore limits, IReadOnlyList<LimitScope> scopes, long tokens)
    {
        var result = await limits.TakeAsync(new LimitRequest(Id, scopes, tokens));
        _lease = result.Lease;
        return result;
    }

    /// <summary>Reserves <see cref="Reserved"/> in a period of the team's budget.</summary>
    /// <returns>Whether the budget covers it.</returns>
    /// <exception cref="LimitStoreException">The store failed; a call that proceeds all the same is settled against the ledger alone.</exception>
    public async ValueTask<bool> ReserveAsync(BudgetKey budget, PicoDollars limit)
    {
        _budget = budget;
        _isReserved = (await _budgets.ReserveAsync(budget, limit, Id, Reserved)).IsGranted;
        return _isReserved;
    }

    /// <summary>Writes the ledger row durably.</summary>
    /// <exception cref="LedgerException">The ledger failed.</exception>
    public ValueTask BeginAsync(LedgerEntry.Began row)
    {
        _mayHaveRow = true;
        return _ledger.WriteAsync(row);
    }

    /// <summary>Queues the row in memory, for a ledger that has failed. Later entries of the call are queued behind it.</summary>
    public void BeginDeferred(LedgerEntry.Began row)
    {
        _isRowDeferred = true;
        _ledger.Post(row);
    }

    /// <summary>Releases everything acquired so far, for a request that is refused.</summary>
    public async ValueTask CancelAsync()
    {
        if (Interlocked.Exchange(ref _settled, 1) != 0)
        {
            return;
        }

        if (_lease is not null)
        {
            await _lease.CancelAsync();
        }

        if (_isReserved)
        {
            await _budgets.SettleAsync(_budget!.Value, Id, Reserved, PicoDollars.Zero, isCounted: true);
        }

        if (_mayHaveRow)
        {
            // A commit whose answer was lost may have succeeded. If the row exists, it is closed without a charge.
            var now = _time.GetUtcNow();
            _ledger.Post(new LedgerEntry.Ended(Id)
            {
                State = GenerationState.Settled,
                End = RequestEnd.Refused.ToWord(),
                Usage = new Usage { Cost = PicoDollars.Zero },
                EndedAt = now,
                ClosedAt = now,
            });
        }
    }

    /// <summary>From here on upstream can have seen the request.</summary>
    /// <param name="destination">The destination that the request is sent to, which is asked for the bill.</param>
    public void Sent(string? destination)
    {
        _wasSent = true;
        _destination = destination;
    }

    /// <summary>The transport failed before upstream could see a byte of the request.</summary>
    public void Unsent() => _wasSent = false;

    /// <summary>Upstream has answered.</summary>
    /// <param name="status">The status of the answer.</param>
    /// <param name="isEventStream">Whether the answer is an event stream.</param>
    /// <param name="namesJob">Whether the answer's own <c>id</c> names a job, which a later request asks for.</param>
    /// <param name="headers">The headers of the answer's content.</param>
    /// <returns>The observer that the body has to pass.</returns>
    public MeteredResponse Answered(int status, bool isEventStream, bool namesJob, HttpContentHeaders headers)
    {
        _wasSent = true;
        _status = status;
        return _response = new MeteredResponse(this, isEventStream, namesJob, headers, _time);
    }

    /// <summary>Upstream has named the generation. The id is durable after <see cref="KeepNameAsync"/>, or with the settlement.</summary>
    public void Named(string generationId) => GenerationId ??= generationId;

    /// <summary>Makes the id durable, so that the call can be billed after a crash.</summary>
    public ValueTask KeepNameAsync()
    {
        if (_isNameDurable || GenerationId is null || IsSettled)
        {
            return default;
        }

        _isNameDurable = true;
        return WriteAsync(new LedgerEntry.Named(Id, GenerationId, _destination));
    }

    /// <summary>The answer came to its end.</summary>
    public ValueTask CompletedAsync(ResponseFacts facts) => SettleAsync(RequestEnd.Completed, facts);

    /// <summary>The call ended, and no complete answer was observed. Settles with the facts that were read until now.</summary>
    public ValueTask EndedAsync(RequestEnd end) => IsSettled ? default : SettleAsync(end, _response?.End() ?? ResponseFacts.None);

    /// <summary>Settles the call as failed unless an event has settled it before, and releases the reader of the answer.</summary>
    public async ValueTask DisposeAsync()
    {
        try
        {
            await EndedAsync(RequestEnd.Failed);
        }
        finally
        {
            _response?.Dispose();
        }
    }

    private async ValueTask SettleAsync(RequestEnd end, ResponseFacts facts)
    {
        if (Interlocked.Exchange(ref _settled, 1) != 0)
        {
            return;
        }

        var decision = SettlementDecision.Of(Reserved, _wasSent, _status, GenerationId, _response is { IsEventStream: true }, facts);
        var timeToFirstToken = TimeToFirstToken;
        Settlement = new CallSettlement(decision, end, facts, timeToFirstToken);
        if (_lease is not null)
        {
            // Without a generation no tokens were used. With one of unknown size the estimate stays.
            await _lease.ReturnAsync(facts.Usage?.Tokens ?? (decision.State == GenerationState.Settled ? 0 : null));
        }

        var isOpen = decision.State == GenerationState.Provisional;
        var isCounted = _isReserved;
        if (_budget is { } budget && !isOpen)
        {
            isCounted = await _budgets.SettleAsync(budget, Id, Reserved, decision.Charge, _isReserved);
        }

        var now = _time.GetUtcNow();
        var entry = new LedgerEntry.Ended(Id)
        {
            GenerationId = _isNameDurable ? null : GenerationId,
            Destination = _isNameDurable ? null : _destination,
            State = decision.State,
            End = end.ToWord(),
            Status = _status,
            AnsweredModel = facts.Model,
            Provider = facts.Provider,
            FinishReason = facts.FinishReason,
            Usage = decision.State == GenerationState.Settled ? (facts.Usage ?? new Usage()) with { Cost = decision.Charge } : facts.Usage,
            TimeToFirstToken = timeToFirstToken,
            EndedAt = now,
            ClosedAt = isOpen ? null : now,
            AskAt = isOpen ? now + SettlementSchedule.First : null,
            IsCounted = _budget is null || isCounted,
        };

        // An id that arrives together with the end has to be durable before the first byte of the answer.
        if (entry.GenerationId is not null && end == RequestEnd.Completed)
        {
            await WriteAsync(entry);
        }
        else
        {
            _ledger.Post(entry);
        }
    }

    // Upstream bills a call that is under way, so a failure of the ledger does not end it: the entry is queued in memory.
    private async ValueTask WriteAsync(LedgerEntry entry)
    {
        if (_isRowDeferred)
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
