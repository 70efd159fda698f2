using Gateway.Billing;
using Gateway.Configuration;
using Gateway.Teams;

namespace Gateway.Limits;

/// <summary>
/// Has budgets counted anew from the ledger that a reload brings, or brings back: calls in the time without them were not counted.
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

        // Both when one goes and when one comes: a call may be let in under new settings before this has run.
        Forget(before, snapshot.Teams);
        Forget(snapshot.Teams, before);
    }

    private void Forget(TeamDirectory teams, TeamDirectory others)
    {
        foreach (var team in teams.Teams)
        {
            if (team.Budget is { } budget && (!others.TryGet(team.Id, out var other) || other.Budget?.Period != budget.Period))
            {
                budgets.Forget(BudgetKey.At(team.Id, budget.Period, time.GetUtcNow()));
            }
        }
    }
}
