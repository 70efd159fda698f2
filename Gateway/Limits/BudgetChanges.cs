using Gateway.Configuration;
using Gateway.Teams;

namespace Gateway.Limits;

/// <summary>
/// Has budgets counted anew from the ledger that a reload brings, or brings back: calls in the time without them were not counted.
/// </summary>
internal sealed class BudgetChanges(SettingsStore settings, IBudgetStore budgets, TimeProvider time) : IHostedService
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
        foreach (var team in snapshot.Teams.Teams)
        {
            if (team.Budget is { } budget && (!before.TryGet(team.Id, out var known) || known.Budget?.Period != budget.Period))
            {
                budgets.Forget(BudgetKey.At(team.Id, budget.Period, time.GetUtcNow()));
            }
        }
    }
}
