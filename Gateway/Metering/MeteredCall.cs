using System.Net.Http.Headers;
using Gateway.Billing;
using Gateway.Ledger;
using Gateway.Limits;
using Gateway.Primitives;

namespace Gateway.Metering;

/// <summary>
/// One attempt at a metered call, and the only owner of its resources: the rate-limit lease, the budget reservations and the ledger row. It
/// records how much of the request upstream can have seen and how the call ended. It settles exactly once: when the response is complete,
/// before its last bytes are sent to the client; when the response is cut off; or at the latest in <see cref="DisposeAsync"/>.
/// </summary>
/// <remarks>
/// Admission hands over the lease that the request holds since the Team phase and acquires the rest (<see cref="TakeLeaseAsync"/>,
/// <see cref="ReserveAsync"/>, <see cref="BeginAsync"/>), or gives up (<see cref="CancelAsync"/>). Afterwards the events of the call are
/// reported in order: <see cref="Sent"/>, <see cref="Answered"/>, <see cref="Named"/>, then <see cref="CompletedAsync"/> or
/// <see cref="EndedAsync"/>. Another attempt is another instance with its own reservation and row. It takes over the lease
/// (<see cref="DetachLease"/>), since the limits count requests and not attempts.
/// <para>
/// The end of a call releases each resource independently: a step that fails is logged, does not keep the others from running, and does not
/// end the call. Upstream bills the call either way.
/// </para>
/// </remarks>
internal sealed partial class MeteredCall : IAsyncDisposable
{
    private readonly IBudgetStore _budgets;
    private readonly ILedger _ledger;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly long _startedAt;
    private ILimitLease? _lease;
    private long _promptTokens;
    private bool _mayHaveRow;
    private bool _isRowDeferred;
    private bool _wasSent;
    private bool _isNameDurable;
    private bool _isDropped;
    private string? _destination;
    private string? _upstreamKey;
    private int? _status;
    private MeteredResponse? _response;
    private int _settled;

    /// <summary>Creates a call without any resources.</summary>
    /// <param name="budgets">The store of the budget's counter.</param>
    /// <param name="ledger">The ledger of the row.</param>
    /// <param name="time">The host's clock.</param>
    /// <param name="startedAt">When the request began, as a timestamp of <paramref name="time"/>.</param>
    /// <param name="logger">The log of resources that could not be released.</param>
    public MeteredCall(IBudgetStore budgets, ILedger ledger, TimeProvider time, long startedAt, ILogger logger)
    {
        _budgets = budgets;
        _ledger = ledger;
        _time = time;
        _startedAt = startedAt;
        _logger = logger;
    }

    /// <summary>The key of the ledger row, and of the reservation in its store.</summary>
    public required Guid Id { get; init; }

    /// <summary>The amount to reserve. It is charged as long as the bill is unknown.</summary>
    public required PicoDollars Reserved { get; init; }

    /// <summary>Upstream's id of the generation; <see langword="null"/> until it is known.</summary>
    public string? GenerationId { get; private set; }

    /// <summary>The name of the OpenRouter key that the request carried; <see langword="null"/> if it was not sent.</summary>
    public string? UpstreamKey => _upstreamKey;

    /// <summary>The result of the settlement; <see langword="null"/> until the call is settled.</summary>
    public CallSettlement? Settlement { get; private set; }

    /// <summary>From the start of the request to the first data of the response; <see langword="null"/> without data.</summary>
    public TimeSpan? TimeToFirstToken => _response?.FirstDataAt is { } first ? _time.GetElapsedTime(_startedAt, first) : null;

    private bool IsSettled => Volatile.Read(ref _settled) != 0;

    /// <summary>Takes over the request's lease, regardless of the result, and charges it.</summary>
    /// <param name="lease">The lease.</param>
    /// <param name="tokens">The estimated tokens.</param>
    /// <param name="promptTokens">The estimated tokens of the prompt alone.</param>
    /// <returns>The result of the charge.</returns>
    /// <exception cref="LimitStoreException">The store failed. If the call proceeds, the lease is ended without a charge.</exception>
    public ValueTask<LimitResult> TakeLeaseAsync(ILimitLease lease, long tokens, long promptTokens)
    {
        _lease = lease;
        _promptTokens = promptTokens;
        return lease.ChargeAsync(tokens);
    }

    /// <summary>Takes over the lease of an earlier attempt, which was charged with the same estimate.</summary>
    public void TakeChargedLease(ILimitLease lease, long promptTokens) => (_lease, _promptTokens) = (lease, promptTokens);

    /// <summary>Takes the lease from the call before its settlement. The caller becomes its owner.</summary>
    /// <returns>The lease; <see langword="null"/> if the call has none.</returns>
    public ILimitLease? DetachLease() => Interlocked.Exchange(ref _lease, null);

    /// <summary>Writes the ledger row durably.</summary>
    /// <exception cref="LedgerException">The ledger failed.</exception>
    public async ValueTask BeginAsync(LedgerEntry.Began row)
    {
        _mayHaveRow = true;
        try
        {
            await _ledger.WriteAsync(row);
        }
        catch (LedgerException fault) when (fault.IsUntried)
        {
            // Needs no entry that closes it. During an outage those of refused calls would push out the ends of others.
            _mayHaveRow = false;
            throw;
        }
    }

    /// <summary>Queues the row in memory because the ledger has failed. Later entries of the call are queued behind the row.</summary>
    public void BeginDeferred(LedgerEntry.Began row)
    {
        _isRowDeferred = true;
        _ledger.Post(row);
    }

    /// <summary>Releases everything acquired so far. Called when the request is refused.</summary>
    public async ValueTask CancelAsync()
    {
        if (Interlocked.Exchange(ref _settled, 1) != 0)
        {
            return;
        }

        if (_lease is not null)
        {
            await ReleaseLeaseAsync(isCancelled: true, tokens: null);
        }

        var isCounted = await ReleaseBudgetsAsync();
        if (_mayHaveRow)
        {
            // A commit that was reported as failed may have succeeded. If the row exists, it is closed without a charge.
            var now = _time.GetUtcNow();
            Post(new LedgerEntry.Ended(Id)
            {
                State = GenerationState.Settled,
                End = RequestEnd.Refused.ToWord(),
                Usage = new Usage { Cost = PicoDollars.Zero },
                EndedAt = now,
                ClosedAt = now,
                IsCounted = isCounted,
            });
        }
    }

    /// <summary>Reports that the request is sent, so that upstream can have seen it.</summary>
    /// <param name="destination">The destination of the request. It is the first one to be asked for the bill.</param>
    /// <param name="upstreamKey">The name of the OpenRouter key that the request carries.</param>
    public void Sent(string? destination, string? upstreamKey)
    {
        _wasSent = true;
        _destination = destination;
        _upstreamKey = upstreamKey;
    }

    /// <summary>
    /// Reports that the transport failed before upstream could see any byte of the request. Has no effect after a response or an id: a call
    /// that was answered or named was processed.
    /// </summary>
    public void Unsent() => _wasSent &= _response is not null || GenerationId is not null;

    /// <summary>Reports the headers of upstream's response.</summary>
    /// <param name="status">The status code.</param>
    /// <param name="isEventStream">Whether the response is an event stream.</param>
    /// <param name="namesJob">Whether the <c>id</c> in the body names a job, whose result a later request fetches.</param>
    /// <param name="headers">The headers of the response's content.</param>
    /// <returns>The observer of the body.</returns>
    public MeteredResponse Answered(int status, bool isEventStream, bool namesJob, HttpContentHeaders headers)
    {
        _wasSent = true;
        _status = status;
        return _response = new MeteredResponse(this, isEventStream, namesJob, headers, _time);
    }

    /// <summary>Reports the id of the generation. It becomes durable by <see cref="KeepNameAsync"/> or by the settlement.</summary>
    public void Named(string generationId) => GenerationId ??= generationId;

    /// <summary>Makes the id durable, so that the call can be billed after a crash.</summary>
    public ValueTask KeepNameAsync()
    {
        if (_isNameDurable || GenerationId is null || IsSettled)
        {
            return default;
        }

        _isNameDurable = true;
        return WriteAsync(new LedgerEntry.Named(Id, GenerationId, _destination, _upstreamKey));
    }

    /// <summary>Reports that the response will not reach the client: another attempt follows.</summary>
    public void Dropped() => _isDropped = true;

    /// <summary>Reports that the response is complete, and settles the call.</summary>
    public ValueTask CompletedAsync(ResponseFacts facts) => SettleAsync(_isDropped ? RequestEnd.Dropped : RequestEnd.Completed, facts);

    /// <summary>Reports that the call ended without a complete response, and settles it with the facts read so far.</summary>
    public ValueTask EndedAsync(RequestEnd end) => IsSettled ? default : SettleAsync(end, _response?.End() ?? ResponseFacts.None);

    /// <summary>Settles the call as failed unless it has already been settled, and releases the reader of the response.</summary>
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

        var outcome = new CallOutcome
        {
            WasSent = _wasSent,
            Status = _status,
            IsNamed = GenerationId is not null,
            IsErrorOnly = _response is { IsErrorOnly: true },
            IsCostInterim = _response is { IsCostInterim: true },
            Facts = facts,
        };
        var decision = SettlementDecision.Of(Reserved, IncludesByok, outcome);
        var timeToFirstToken = TimeToFirstToken;
        Settlement = new CallSettlement(decision, end, facts, outcome.Bill, timeToFirstToken);
        var tokens = TokensOf(decision, outcome);
        if (_lease is not null)
        {
            await ReleaseLeaseAsync(isCancelled: false, tokens);
        }

        var isOpen = decision.State == GenerationState.Provisional;
        var isCounted = decision.State == GenerationState.Settled
            ? await SettleBudgetsAsync(decision, outcome)
            : await HoldBudgetsAsync(decision.Charge);

        var now = _time.GetUtcNow();
        var entry = new LedgerEntry.Ended(Id)
        {
            GenerationId = _isNameDurable ? null : GenerationId,
            Destination = _isNameDurable ? null : _destination,
            UpstreamKey = _isNameDurable ? null : _upstreamKey,
            State = decision.State,
            End = end.ToWord(),
            Status = _status,
            AnsweredModel = facts.Model,
            Provider = facts.Provider,
            ServiceTier = facts.ServiceTier,
            FinishReason = facts.FinishReason,
            Usage = outcome.Bill ?? (facts.Usage ?? new Usage()) with
            {
                Cost = decision.State == GenerationState.Settled ? PicoDollars.Zero : null,
                UpstreamCost = null,
            },
            TimeToFirstToken = timeToFirstToken,
            EndedAt = now,
            ClosedAt = isOpen ? null : now,
            AskAt = isOpen ? now + SettlementSchedule.First : null,
            Held = isOpen && decision.Charge != Reserved ? decision.Charge : null,
            IsError = outcome.IsError ? true : null,
            LimitTokens = isOpen && _lease?.TakenTokens is { } taken ? tokens ?? taken : null,
            IsCounted = isCounted,
        };

        // An id that arrives with the end of the response has to be durable before the first byte is sent to the client.
        if (entry.GenerationId is not null && end == RequestEnd.Completed)
        {
            await WriteAsync(entry);
        }
        else
        {
            Post(entry);
        }
    }

    /// <summary>
    /// The tokens that the token limits count from now on; <see langword="null"/> keeps the estimate. Until its bill is known, a stream that was cut,
    /// or that told its tokens before its end, counts with the tokens that have passed.
    /// </summary>
    private long? TokensOf(SettlementDecision decision, in CallOutcome outcome) => outcome switch
    {
        { IsCostInterim: false, Facts: { IsComplete: true, Usage: { HasTokens: true } usage } }
            when outcome.Bill is not null || _response is not { IsEventStream: true, HasTextBehindUsage: true } => usage.Tokens,
        { Bill: not null } => null,
        _ when decision.State == GenerationState.Settled || outcome.IsRefusal => 0,
        _ when _response is { IsEventStream: true } stream =>
            (outcome.Facts.Usage?.PromptTokens ?? _promptTokens) + Math.Max(outcome.Facts.Usage?.CompletionTokens ?? 0, stream.PassedTokens),
        _ => null,
    };

#pragma warning disable CA1031 // Any exception of a store: the other resources of the call are released all the same.
    private async ValueTask ReleaseLeaseAsync(bool isCancelled, long? tokens)
    {
        try
        {
            await (isCancelled ? _lease!.CancelAsync() : _lease!.ReturnAsync(tokens));
        }
        catch (Exception fault)
        {
            Log.CallNotReleased(_logger, "lease", Id, fault);
        }
    }

    private void Post(LedgerEntry entry)
    {
        try
        {
            _ledger.Post(entry);
        }
        catch (Exception fault)
        {
            Log.CallNotReleased(_logger, "row", Id, fault);
        }
    }

    // Upstream bills a call in flight, so a failure of the ledger does not end the call. The entry is queued in memory instead.
    private async ValueTask WriteAsync(LedgerEntry entry)
    {
        if (_isRowDeferred)
        {
            Post(entry);
            return;
        }

        try
        {
            await _ledger.WriteAsync(entry);
        }
        catch (LedgerException)
        {
            Post(entry);
        }
        catch (Exception fault)
        {
            Log.CallNotReleased(_logger, "row", Id, fault);
            Post(entry);
        }
    }
#pragma warning restore CA1031

    private static partial class Log
    {
        [LoggerMessage(LogEvents.CallNotReleased, LogLevel.Error, "The {Resource} of call {Id} could not be released")]
        public static partial void CallNotReleased(ILogger logger, string resource, Guid id, Exception fault);
    }
}
