using System.Collections.Immutable;
using Gateway.Billing;
using Gateway.Configuration;
using Gateway.Ledger;
using Gateway.Limits;
using Gateway.Observability;
using Gateway.Workers;

namespace Gateway.Settlement;

/// <summary>
/// Reads the levels of the budgets of teams and keys for the metrics: every fifteen seconds and after a reload, if metrics are exported.
/// Reads the levels by which a call would be judged, and reserves nothing.
/// </summary>
internal sealed class BudgetLevelWorker : Worker
{
    internal static readonly TimeSpan TurnPeriod = TimeSpan.FromSeconds(15);

    private readonly SettingsStore _settings;
    private readonly LedgerWriter _ledger;
    private readonly IBudgetPreview _budgets;
    private readonly BudgetLevels _levels;
    private readonly GatewayMetrics _metrics;
    private readonly TimeProvider _time;

    public BudgetLevelWorker(
        SettingsStore settings,
        LedgerWriter ledger,
        IBudgetPreview budgets,
        BudgetLevels levels,
        GatewayMetrics metrics,
        WorkerHealth health,
        TimeProvider time,
        ILogger<BudgetLevelWorker> logger)
        : base("budget-levels", TurnPeriod, health, time, logger)
    {
        _settings = settings;
        _ledger = ledger;
        _budgets = budgets;
        _levels = levels;
        _metrics = metrics;
        _time = time;
        settings.Changed += OnChanged;
    }

    /// <inheritdoc />
    public override void Dispose()
    {
        _settings.Changed -= OnChanged;
        base.Dispose();
    }

    /// <inheritdoc />
    protected override async Task RunOnceAsync(CancellationToken cancellationToken)
    {
        if (!_metrics.IsExported || !_ledger.IsOpen)
        {
            return;
        }

        var levels = ImmutableArray.CreateBuilder<BudgetLevel>();
        foreach (var team in _settings.Current.Teams.Teams)
        {
            foreach (var (keyLabel, budget) in team.Budgets)
            {
                cancellationToken.ThrowIfCancellationRequested();
                levels.Add(await BudgetLevel.ReadAsync(
                    _budgets, BudgetKey.At(team.Id, budget.Period, _time.GetUtcNow(), keyLabel), budget.Limit));
            }
        }

        _levels.Current = levels.ToImmutable();
    }

    /// <inheritdoc />
    protected override bool IsExpected(Exception fault) => fault is LedgerException or LimitStoreException || base.IsExpected(fault);

    private void OnChanged(SettingsSnapshot snapshot) => Wake();
}
