using Gateway.Billing;
using Gateway.Configuration;
using Gateway.Ledger;
using Gateway.Limits;
using Gateway.Primitives;
using Gateway.Teams;
using Gateway.Workers;

namespace Gateway.Alerts;

/// <summary>
/// Raises alerts: writes them to the ledger, where each name occurs once. Runs every fifteen seconds, after a reload, and after the first
/// refusal of a period and the first rejection of a key. Thresholds are compared with the spent amount, not with the reserved one.
/// </summary>
internal sealed class AlertRaiser : Worker
{
    internal static readonly TimeSpan TurnPeriod = TimeSpan.FromSeconds(15);

    /// <summary>
    /// How long an alert is kept after its name cannot occur any more: longer than it is posted again and again.
    /// </summary>
    private static readonly TimeSpan Kept = TimeSpan.FromDays(2);

    private readonly SettingsStore _settings;
    private readonly LedgerWriter _ledger;
    private readonly ILedgerStore _store;
    private readonly IBudgetPreview _budgets;
    private readonly AlertSignals _signals;
    private readonly AlertPoster _poster;
    private readonly TimeProvider _time;

    /// <summary>The thresholds of current periods that are in the ledger.</summary>
    private HashSet<string> _raised = new(StringComparer.Ordinal);

    public AlertRaiser(
        SettingsStore settings,
        LedgerWriter ledger,
        ILedgerStore store,
        IBudgetPreview budgets,
        AlertSignals signals,
        AlertPoster poster,
        WorkerHealth health,
        TimeProvider time,
        ILogger<AlertRaiser> logger)
        : base("alerts", TurnPeriod, health, time, logger)
    {
        _settings = settings;
        _ledger = ledger;
        _store = store;
        _budgets = budgets;
        _signals = signals;
        _poster = poster;
        _time = time;
        settings.Changed += OnChanged;
        signals.Reported = WakeAfterBackOff;
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
        var settings = _settings.Current;
        if (!_ledger.IsOpen)
        {
            return;
        }

        _signals.Prune(_time.GetUtcNow());

        // The reports need the ledger only, and do not wait for a budget store that fails.
        foreach (var refusal in _signals.Refusals)
        {
            await RaiseAsync(refusal, cancellationToken);
        }

        foreach (var rejection in _signals.Rejections)
        {
            await RaiseAsync(rejection, cancellationToken);
        }

        if (settings.Settings.Alerts.BudgetThresholds.Count > 0)
        {
            await RaiseThresholdsAsync(settings, cancellationToken);
        }
    }

    /// <inheritdoc />
    protected override bool IsExpected(Exception fault) => fault is LedgerException or LimitStoreException || base.IsExpected(fault);

    private async Task RaiseAsync(BudgetRefusal refusal, CancellationToken cancellationToken)
    {
        await RaiseAsync(
            AlertNames.OfRefusal(refusal.Key),
            New(AlertKind.BudgetExceeded, refusal.Key.Team, refusal.Time) with
            {
                KeyLabel = refusal.Key.KeyLabel,
                Budget = BudgetOf(refusal.Key, refusal.Limit, refusal.Spent),
                IsRefused = refusal.IsRefused,
            },
            refusal.Key.End,
            cancellationToken);
        refusal.IsRaised = true;
    }

    private async Task RaiseAsync(KeyRejection rejection, CancellationToken cancellationToken)
    {
        await RaiseAsync(
            AlertNames.OfKey(rejection.Mark, rejection.Day),
            New(AlertKind.UpstreamKeyRejected, rejection.Team, rejection.Time) with
            {
                UpstreamKey = rejection.Name,
                Status = rejection.Status,
            },
            new DateTimeOffset(rejection.Day.AddDays(1), TimeOnly.MinValue, TimeSpan.Zero),
            cancellationToken);
        rejection.IsRaised = true;
    }

    private async Task RaiseThresholdsAsync(SettingsSnapshot settings, CancellationToken cancellationToken)
    {
        var raised = new HashSet<string>(StringComparer.Ordinal);
        foreach (var team in settings.Teams.Teams)
        {
            if (AlertWebhooks.Find(settings, AlertKind.BudgetThreshold, team.Id) is not null)
            {
                foreach (var (keyLabel, budget) in team.Budgets)
                {
                    await RaiseThresholdsAsync(
                        team.Id, keyLabel, budget, settings.Settings.Alerts.BudgetThresholds, raised, cancellationToken);
                }
            }
        }

        // Those of earlier periods are forgotten.
        _raised = raised;
    }

    private async Task RaiseThresholdsAsync(
        string team,
        string? keyLabel,
        TeamBudget budget,
        IReadOnlyList<decimal> thresholds,
        HashSet<string> raised,
        CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var now = _time.GetUtcNow();
        var key = BudgetKey.At(team, budget.Period, now, keyLabel);
        var spent = (await BudgetLevel.ReadAsync(_budgets, key, budget.Limit)).Spent;
        foreach (var threshold in thresholds)
        {
            if (!IsReached(spent, budget.Limit, threshold))
            {
                break;
            }

            var name = AlertNames.OfThreshold(key, threshold);
            if (!_raised.Contains(name))
            {
                await RaiseAsync(
                    name,
                    New(AlertKind.BudgetThreshold, team, now) with
                    {
                        KeyLabel = keyLabel,
                        Budget = BudgetOf(key, budget.Limit, spent),
                        Threshold = threshold,
                    },
                    key.End,
                    cancellationToken);
            }

            raised.Add(name);
        }
    }

    /// <summary>Exact: a fraction has at most four decimals.</summary>
    private static bool IsReached(PicoDollars spent, PicoDollars limit, decimal threshold) =>
        spent * 10_000 >= limit * (long)(threshold * 10_000);

    private async Task RaiseAsync(string name, Alert alert, DateTimeOffset? end, CancellationToken cancellationToken)
    {
        await _store.Alerts.RaiseAsync(
            new RaisedAlert(name, alert.Team, AlertJson.Write(alert), _time.GetUtcNow(), end is { } over ? over + Kept : null),
            cancellationToken);
        _poster.WakeAfterBackOff();
    }

    private static Alert New(AlertKind kind, string team, DateTimeOffset time) =>
        new() { Kind = kind, Id = Guid.CreateVersion7(time), Time = time, Team = team };

    private static AlertBudget BudgetOf(in BudgetKey key, PicoDollars limit, PicoDollars spent) =>
        new(key.Period, key.Period == BudgetPeriod.Total ? null : key.Start, key.End, limit, spent);

    private void OnChanged(SettingsSnapshot snapshot) => Wake();
}
