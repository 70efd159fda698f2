using System.Collections.Concurrent;
using System.Runtime.ExceptionServices;
using Gateway.Billing;
using Gateway.Configuration;
using Gateway.Ledger;
using Gateway.Limits;
using Gateway.Metering;
using Gateway.Observability;
using Gateway.OpenRouter;
using Gateway.Prices;
using Gateway.Primitives;
using Gateway.Teams;
using Gateway.Workers;

namespace Gateway.Settlement;

/// <summary>
/// Requests the bills of generations that ended without one. The open rows of the ledger are the work list, so the work continues after a
/// restart, and with a shared ledger each node settles the rows of all nodes. A generation without a bill after a day of upstream's answers
/// becomes unresolvable. The rows of a team that is not configured wait until the team is configured again.
/// </summary>
internal sealed partial class SettlementWorker : Worker
{
    /// <summary>The number of rows that are leased and of bills that are requested at a time.</summary>
    internal const int BatchSize = 16;

    internal static readonly TimeSpan TurnPeriod = TimeSpan.FromMilliseconds(500);

    /// <summary>
    /// The time for which a node that takes a row excludes other nodes. Longer than the timeout of a request for a bill, which begins when
    /// the row is taken.
    /// </summary>
    internal static readonly TimeSpan Lease = TimeSpan.FromMinutes(1);

    /// <summary>The time in which a full bucket of tokens drains.</summary>
    private static readonly TimeSpan LimitPeriod = TimeSpan.FromMinutes(1);

    /// <summary>The time between two searches for open rows of processes that have died.</summary>
    private static readonly TimeSpan OrphanPeriod = TimeSpan.FromSeconds(5);

    private readonly ILedgerStore _store;
    private readonly LedgerWriter _ledger;
    private readonly IBudgetStore _budgets;
    private readonly ILimitStore _limits;
    private readonly SettingsStore _settings;
    private readonly BudgetTerms _terms;
    private readonly IOpenRouterClient _upstream;
    private readonly PriceListStore _prices;
    private readonly GatewayMetrics _metrics;
    private readonly TimeProvider _time;
    private readonly ILogger<SettlementWorker> _logger;

    /// <summary>Settlements whose write failed. The commit may have succeeded and its reply been lost.</summary>
    private readonly ConcurrentQueue<Settlement> _unconfirmed = new();

    // No time of day: the next search does not wait for a clock that is set back.
    private long? _orphansSearchedAt;

    public SettlementWorker(
        ILedgerStore store,
        LedgerWriter ledger,
        IBudgetStore budgets,
        ILimitStore limits,
        SettingsStore settings,
        IOpenRouterClient upstream,
        PriceListStore prices,
        GatewayMetrics metrics,
        WorkerHealth health,
        TimeProvider time,
        ILogger<SettlementWorker> logger)
        : base("settlement", TurnPeriod, health, time, logger)
    {
        _store = store;
        _ledger = ledger;
        _budgets = budgets;
        _limits = limits;
        _settings = settings;
        _terms = BudgetTerms.Of(settings, time);
        _upstream = upstream;
        _prices = prices;
        _metrics = metrics;
        _time = time;
        _logger = logger;
    }

    /// <inheritdoc />
    protected override async Task RunOnceAsync(CancellationToken cancellationToken)
    {
        // The ledger is not open without teams.
        if (!_ledger.IsOpen)
        {
            return;
        }

        await ConfirmAsync(cancellationToken);
        await AskForDueAsync(_time.GetUtcNow(), cancellationToken);
    }

    /// <inheritdoc />
    protected override bool IsExpected(Exception fault) => fault is LedgerException || base.IsExpected(fault);

    private async Task AdoptOrphansAsync(CancellationToken stoppingToken)
    {
        if (_orphansSearchedAt is { } last && _time.GetElapsedTime(last) < OrphanPeriod)
        {
            return;
        }

        _orphansSearchedAt = _time.GetTimestamp();
        var (provisional, unresolvable) = await _store.AdoptOrphansAsync(_time.GetUtcNow(), stoppingToken);
        if (provisional + unresolvable > 0)
        {
            for (var i = 0; i < unresolvable; i++)
            {
                _metrics.Settled(GenerationState.Unresolvable);
            }

            Log.OrphansAdopted(_logger, provisional, unresolvable);
        }
    }

    /// <summary>
    /// Requests the bills of all rows that are due when the turn starts, in batches. A row is leased only when its request can begin at
    /// once. A failure affects its own row only, which is due again when its lease expires.
    /// </summary>
    private async Task AskForDueAsync(DateTimeOffset now, CancellationToken stoppingToken)
    {
        var failures = new ConcurrentQueue<Exception>();
        IReadOnlyList<PendingGeneration> due;
        do
        {
            // Before each batch: with an upstream that hangs, a turn takes long.
            await AdoptOrphansAsync(stoppingToken);
            string[] teams = [.. _settings.Current.Teams.Teams.Select(team => team.Id)];
            var leasedUntil = _time.GetUtcNow() + Lease;
            due = await _store.TakeDueAsync(teams, now, leasedUntil, BatchSize, stoppingToken);
            await Parallel.ForEachAsync(
                due,
                new ParallelOptions { MaxDegreeOfParallelism = BatchSize, CancellationToken = stoppingToken },
                async (row, token) =>
                {
                    try
                    {
                        await AskAsync(row, leasedUntil, token);
                    }
#pragma warning disable CA1031 // Any exception: it fails the turn, but must not stop the other rows.
                    catch (Exception fault) when (!stoppingToken.IsCancellationRequested)
#pragma warning restore CA1031
                    {
                        failures.Enqueue(fault);
                    }
                });
        }
        while (due.Count == BatchSize);

        if (failures.TryPeek(out var first))
        {
            throw new WorkerTurnException($"{failures.Count} generations could not be settled: {first.Message}", first);
        }
    }

    private async ValueTask AskAsync(PendingGeneration row, DateTimeOffset leasedUntil, CancellationToken stoppingToken)
    {
        // A reload may have removed the team since the row was taken.
        var snapshot = _settings.Current;
        if (!snapshot.Teams.TryGet(row.Team, out var team))
        {
            return;
        }

        var bill = await _upstream.GetBillAsync(
            $"generation?id={Uri.EscapeDataString(row.GenerationId)}",
            snapshot,
            team.UpstreamKey,
            row.Destination,
            row.UpstreamKey,
            static body => GenerationReader.Read(body),
            stoppingToken);
        var asked = row.Asked + 1;
        if (bill.Value is { } facts)
        {
            await SettleAsync(row, leasedUntil, facts, asked);
            return;
        }

        var now = _time.GetUtcNow();
        var answered = bill.IsAnswered
            ? SettlementSchedule.Advance(row.AnsweredTime, row.AskedAt ?? row.EndedAt, now)
            : row.AnsweredTime;
        if (bill.IsMissing && (row.IsError || row.Status is >= 400) && answered >= SettlementSchedule.LastOfError)
        {
            // Upstream refused or failed the call and has no record of the generation. It does not bill errors.
            await SettleAsync(row, leasedUntil, ResponseFacts.None with { Usage = new Usage { Cost = PicoDollars.Zero } }, asked);
            return;
        }

        var isOver = answered >= SettlementSchedule.Last;
        if (isOver)
        {
            _metrics.Settled(GenerationState.Unresolvable);
            Log.GenerationUnresolvable(_logger, row.GenerationId, row.Team, row.Reserved.ToString());
        }

        _ledger.Post(new LedgerEntry.Ended(row.Id)
        {
            State = isOver ? GenerationState.Unresolvable : GenerationState.Provisional,
            Asked = asked,
            AskedAt = now,
            AnsweredTime = answered,
            AskAt = isOver ? null : SettlementSchedule.Next(row.EndedAt, asked, now),
            ClosedAt = isOver ? now : null,
            IsCounted = isOver ? await HoldAsync(row) : row.IsCounted,
        });
    }

    /// <summary>
    /// Settles a row. The write is awaited. If it fails, the next turn reads the row: a settled row is finished then, and the bill of any
    /// other row is requested again after the lease.
    /// </summary>
    private async ValueTask SettleAsync(PendingGeneration row, DateTimeOffset leasedUntil, ResponseFacts facts, int asked)
    {
        var bill = facts.Usage!;
        var entry = new LedgerEntry.Ended(row.Id)
        {
            State = GenerationState.Settled,
            AnsweredModel = facts.Model,
            Provider = facts.Provider,
            Region = facts.Region,
            ServiceTier = facts.ServiceTier,
            FinishReason = facts.FinishReason,
            Usage = bill,
            Asked = asked,
            ClosedAt = _time.GetUtcNow(),
            IsCounted = await ChargeAsync(row, bill),
        };
        var settlement = new Settlement(row, leasedUntil, facts);
        try
        {
            await _ledger.WriteAsync(entry);
        }
        catch (LedgerException)
        {
            _unconfirmed.Enqueue(settlement);
            throw;
        }

        await FinishAsync(settlement);
    }

    /// <summary>Finishes the settlements of failed writes that are in the ledger all the same.</summary>
    private async Task ConfirmAsync(CancellationToken cancellationToken)
    {
        if (_unconfirmed.IsEmpty)
        {
            return;
        }

        var rows = await _store.ReadChargesAsync([.. _unconfirmed.Select(settlement => settlement.Row.Id)], cancellationToken);
        while (_unconfirmed.TryDequeue(out var settlement))
        {
            if (rows.TryGetValue(settlement.Row.Id, out var row) && row is { IsOpen: false, IsUnresolvable: false, IsExpired: false })
            {
                await FinishAsync(settlement);
            }
        }
    }

    /// <summary>Corrects the limits and the metrics once the ledger has the bill.</summary>
    private async ValueTask FinishAsync(Settlement settlement)
    {
        var (row, leasedUntil, facts) = settlement;
        var bill = facts.Usage!;

        // After the lease, another node may have settled the row and corrected the limits.
        if (_time.GetUtcNow() < leasedUntil)
        {
            await CorrectLimitsAsync(row, bill);
        }

        _metrics.Settled(GenerationState.Settled);
        var isPriced = row.SentModel is { } model && _prices.For(_settings.Current).TryFind(model, out _, out _);
        _metrics.GenerationBilled(new MeteredGeneration(row.Team, row.Endpoint, row.SentModel, isPriced, facts.Model, facts.Provider), bill);
    }

    /// <summary>Replaces the reservations in the budgets' counters by the charge.</summary>
    /// <returns>Whether the charge is counted. Also true without a budget.</returns>
    private async ValueTask<bool> ChargeAsync(PendingGeneration row, Usage bill)
    {
        var (team, key) = _terms.KeysOf(row.Team, row.KeyLabel, row.StartedAt);
        var (isCounted, fault) = await BudgetSettlement.SettleAsync(_budgets, row.Id, row.Reserved, ChargeIn(team), ChargeIn(key));
        if (fault is not null)
        {
            ExceptionDispatchInfo.Throw(fault);
        }

        return isCounted;

        BudgetCharge? ChargeIn(BudgetKey? budget) =>
            budget is { } period ? new BudgetCharge(period, _terms.ChargeOf(period, bill), row.IsCounted) : null;
    }

    /// <summary>Holds the reservation of a row whose bill does not come.</summary>
    /// <returns>Whether the amount is counted. Without a budget, as before.</returns>
    private async ValueTask<bool> HoldAsync(PendingGeneration row)
    {
        var (team, key) = _terms.KeysOf(row.Team, row.KeyLabel, row.StartedAt);
        var isCounted = team is { } whole ? await _budgets.HoldAsync(whole, row.Id, row.Reserved, row.IsCounted) : row.IsCounted;
        return (key is { } own ? await _budgets.HoldAsync(own, row.Id, row.Reserved, row.IsCounted) : isCounted) && isCounted;
    }

    /// <summary>
    /// Replaces the tokens that the limits count by those of the bill. A free call has used none. Tokens that a bucket has drained since
    /// the call began are not given back: they would be those of other calls. Neither are tokens taken that it would have drained since the
    /// call ended; during the call many others may have used the same time.
    /// </summary>
    private async ValueTask CorrectLimitsAsync(PendingGeneration row, Usage bill)
    {
        if (row.LimitTokens is not { } counted
            || !(bill.HasTokens || bill.Cost == PicoDollars.Zero)
            || !_settings.Current.Teams.TryGet(row.Team, out var team)
            || team.Keys.FirstOrDefault(key => key.Label == row.KeyLabel) is not { } key)
        {
            return;
        }

        foreach (var scope in key.ScopesIn(team))
        {
            var since = bill.Tokens < counted ? row.StartedAt : row.EndedAt;
            if (ChangeOf(bill.Tokens, counted, scope, _time.GetUtcNow() - since) is not 0 and var change)
            {
                await _limits.CorrectAsync([scope], change);
            }
        }
    }

    /// <summary>
    /// The correction of a bucket: the billed tokens that it would still have, less those that it still has of the counted ones. Within the
    /// time in which a full bucket drains, the whole difference.
    /// </summary>
    private static long ChangeOf(long billed, long counted, LimitScope scope, TimeSpan elapsed)
    {
        if (scope.TokensPerMinute is not { } limit)
        {
            return 0;
        }

        var drained = elapsed < LimitPeriod ? 0 : limit * elapsed.TotalMinutes;
        return (long)Math.Round(Left(billed) - Left(counted));

        double Left(long tokens) => Math.Max(0, tokens - drained);
    }

    /// <summary>The bill of a leased row.</summary>
    private sealed record Settlement(PendingGeneration Row, DateTimeOffset LeasedUntil, ResponseFacts Facts);

    private static partial class Log
    {
        [LoggerMessage(
            LogEvents.OrphansAdopted,
            LogLevel.Warning,
            "Open calls of processes that died: upstream is asked for {Provisional} bills; {Unresolvable} are unresolved at their reservation")]
        public static partial void OrphansAdopted(ILogger logger, int provisional, int unresolvable);

        [LoggerMessage(
            LogEvents.GenerationUnresolvable,
            LogLevel.Warning,
            "Generation {GenerationId} of team {Team} has no bill after a day of answers, or of no destination to ask; it is unresolved at its reservation, {Usd} USD")]
        public static partial void GenerationUnresolvable(ILogger logger, string generationId, string team, string usd);
    }
}
