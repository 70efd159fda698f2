using Gateway.Billing;
using Gateway.Configuration;
using Gateway.Teams;

namespace Gateway.Limits;

/// <summary>
/// Removes the counters of budgets that a reload adds, removes or gives another period or other terms, so that they are seeded from the
/// ledger again. Calls without the budget are not in its counter.
/// </summary>
internal sealed class BudgetReloadHandler(SettingsStore settings, IBudgetStore budgets, TimeProvider time) : IHostedService
{
    private TeamDirectory _teams = settings.Current.Teams;

    public Task StartAsync(CancellationToken cancellationToken)
    {
        settings.Changed += OnChanged;
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken)
    {
        settings.Changed -= OnChanged;
        return Task.CompletedTask;
    }

    private void OnChanged(SettingsSnapshot snapshot)
    {
        var before = Interlocked.Exchange(ref _teams, snapshot.Teams);

        // Both for removed and for added budgets: a call may be admitted under the new settings before this handler runs.
        Forget(before, snapshot.Teams);
        Forget(snapshot.Teams, before);
    }

    private void Forget(TeamDirectory teams, TeamDirectory others)
    {
        foreach (var team in teams.Teams)
        {
            others.TryGet(team.Id, out var other);
            foreach (var (keyLabel, budget) in team.Budgets)
            {
                var counterpart = other?.BudgetOf(keyLabel);
                if (counterpart?.Period != budget.Period || counterpart.IncludesByok != budget.IncludesByok)
                {
                    budgets.Forget(BudgetKey.At(team.Id, budget.Period, time.GetUtcNow(), keyLabel));
                }
            }
        }
    }
}
