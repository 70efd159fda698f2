using Gateway.Billing;
using Gateway.Configuration;
using Gateway.Ledger;
using Gateway.Limits;
using Gateway.Metering;
using Gateway.Observability;
using Gateway.OpenRouter;
using Gateway.Primitives;

namespace Gateway.Settlement;

/// <summary>
/// Asks upstream for the bills of generations that ended without one, by the ledger's rows: a process that dies asks on after its restart,
/// and with a shared ledger any node asks for any other's. What stays unknown for a day is charged at its reservation.
/// </summary>
internal sealed partial class SettlementWorker : BackgroundService
{
    private const int MostAtOnce = 64;
    private const int MostAskedAtOnce = 16;
    private const int Ok = 200;
    private const int NotFound = 404;

    private static readonly TimeSpan Period = TimeSpan.FromMilliseconds(500);

    /// <summary>How long no other node asks for a row that this one has taken; longer than a question may last.</summary>
    private static readonly TimeSpan Lease = TimeSpan.FromMinutes(1);

    /// <summary>How often rows of processes that died are looked for.</summary>
    private static readonly TimeSpan OrphanPeriod = TimeSpan.FromSeconds(5);

    private readonly ILedgerStore _store;
    private readonly LedgerWriter _ledger;
    private readonly IBudgetStore _budgets;
    private readonly SettingsStore _settings;
    private readonly OpenRouterClient _upstream;
    private readonly GatewayMetrics _metrics;
    private readonly TimeProvider _time;
    private readonly ILogger<SettlementWorker> _logger;
    private bool _isFailing;

    public SettlementWorker(
        ILedgerStore store,
        LedgerWriter ledger,
        IBudgetStore budgets,
        SettingsStore settings,
        OpenRouterClient upstream,
        GatewayMetrics metrics,
        TimeProvider time,
        ILogger<SettlementWorker> logger)
    {
        _store = store;
        _ledger = ledger;
        _budgets = budgets;
        _settings = settings;
        _upstream = upstream;
        _metrics = metrics;
        _time = time;
        _logger = logger;
    }

    /// <inheritdoc />
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Period, _time);
        var orphansAt = DateTimeOffset.MinValue;
        try
        {
            do
            {
                // Without teams there is no ledger.
                if (!_ledger.IsOpen)
                {
                    continue;
                }

                try
                {
                    var now = _time.GetUtcNow();
                    if (now >= orphansAt)
                    {
                        await AdoptOrphansAsync(now, stoppingToken);
                        orphansAt = now + OrphanPeriod;
                    }

                    await AskAsync(now, stoppingToken);
                    _isFailing = false;
                }
                catch (LedgerException fault)
                {
                    if (!_isFailing)
                    {
                        Log.SettlementStuck(_logger, fault.Message);
                    }

                    _isFailing = true;
                }
            }
            while (await timer.WaitForNextTickAsync(stoppingToken));
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The program stops; the rows wait in the ledger.
        }
    }

    private async Task AdoptOrphansAsync(DateTimeOffset now, CancellationToken stoppingToken)
    {
        var (provisional, unresolvable) = await _store.AdoptOrphansAsync(now, stoppingToken);
        if (provisional + unresolvable > 0)
        {
            for (var i = 0; i < unresolvable; i++)
            {
                _metrics.Settled(GenerationState.Unresolvable);
            }

            Log.OrphansAdopted(_logger, provisional, unresolvable);
        }
    }

    private async Task AskAsync(DateTimeOffset now, CancellationToken stoppingToken)
    {
        IReadOnlyList<PendingGeneration> due;
        do
        {
            due = await _store.TakeDueAsync(now, now + Lease, MostAtOnce, stoppingToken);
            await Parallel.ForEachAsync(
                due,
                new ParallelOptions { MaxDegreeOfParallelism = MostAskedAtOnce, CancellationToken = stoppingToken },
                async (row, token) => await AskAsync(row, token));
        }
        while (due.Count == MostAtOnce);
    }

    private async ValueTask AskAsync(PendingGeneration row, CancellationToken stoppingToken)
    {
        var asked = row.Asked;
        OpenRouterAnswer? answer = null;
        if (_settings.Current.Teams.TryGet(row.Team, out var team))
        {
            answer = await _upstream.GetAsync(
                $"generation?id={Uri.EscapeDataString(row.GenerationId)}", team.UpstreamKey, row.Destination, stoppingToken);
            asked++;
            if (answer is { Status: Ok, Body: var body } && GenerationReader.Read(body) is { } facts)
            {
                await SettleAsync(row, facts, asked);
                return;
            }
        }

        var now = _time.GetUtcNow();
        var next = SettlementSchedule.Next(row.EndedAt, asked, now);
        if (next is not null && row.Status is >= 400 && asked >= SettlementSchedule.EarlyCount
            && answer is { Status: NotFound, IsAuthoritative: true })
        {
            // Upstream refused the call and has no record of a generation: it does not bill errors.
            await SettleAsync(row, ResponseFacts.None with { Usage = new Usage { Cost = PicoDollars.Zero } }, asked);
            return;
        }

        if (next is null)
        {
            _metrics.Settled(GenerationState.Unresolvable);
            Log.GenerationUnresolvable(_logger, row.GenerationId, row.Team, row.Reserved.ToString());
        }

        _ledger.Post(new LedgerEntry.Ended(row.Id)
        {
            State = next is null ? GenerationState.Unresolvable : GenerationState.Provisional,
            Asked = asked,
            AskAt = next,
            ClosedAt = next is null ? now : null,
            IsCounted = next is not null ? row.IsCounted : await ChargeAsync(row, row.Reserved),
        });
    }

    private async ValueTask SettleAsync(PendingGeneration row, ResponseFacts facts, int asked)
    {
        _ledger.Post(new LedgerEntry.Ended(row.Id)
        {
            State = GenerationState.Settled,
            AnsweredModel = facts.Model,
            Provider = facts.Provider,
            FinishReason = facts.FinishReason,
            Usage = facts.Usage,
            Asked = asked,
            ClosedAt = _time.GetUtcNow(),
            IsCounted = await ChargeAsync(row, facts.Usage!.Cost!.Value),
        });
        _metrics.Settled(GenerationState.Settled);
        _metrics.GenerationBilled(new MeteredGeneration(row.Team, "", null, false, facts.Model, facts.Provider), facts.Usage);
    }

    /// <summary>Puts the budget's counter right.</summary>
    /// <returns>Whether it is.</returns>
    private async ValueTask<bool> ChargeAsync(PendingGeneration row, PicoDollars charge) =>
        !_settings.Current.Teams.TryGet(row.Team, out var team)
        || team.Budget is not { } budget
        || await _budgets.SettleAsync(
            BudgetKey.At(row.Team, budget.Period, row.StartedAt), row.Id, row.Reserved, charge, row.IsCounted);

    private static partial class Log
    {
        [LoggerMessage(LogEvents.SettlementStuck, LogLevel.Error, "Bills cannot be settled: {Fault}")]
        public static partial void SettlementStuck(ILogger logger, string fault);

        [LoggerMessage(
            LogEvents.OrphansAdopted,
            LogLevel.Warning,
            "Calls of processes that died: upstream is asked for {Provisional} bills, {Unresolvable} stay at their reservation")]
        public static partial void OrphansAdopted(ILogger logger, int provisional, int unresolvable);

        [LoggerMessage(
            LogEvents.GenerationUnresolvable,
            LogLevel.Warning,
            "No bill came for generation {GenerationId} of team {Team} in a day; it stays charged at its reservation, {Usd} USD")]
        public static partial void GenerationUnresolvable(ILogger logger, string generationId, string team, string usd);
    }
}
