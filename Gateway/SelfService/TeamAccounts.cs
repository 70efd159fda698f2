using System.Collections.Concurrent;
using Gateway.Billing;
using Gateway.Ledger;
using Gateway.Limits;
using Gateway.Primitives;
using Gateway.Teams;

namespace Gateway.SelfService;

/// <summary>Reads the accounts of teams and of keys: the charges from the ledger, the rest of the budgets from their counters.</summary>
/// <remarks>
/// A read of the ledger may take long. One read a team or key is in progress at a time. Callers that arrive meanwhile share the next one,
/// which begins after their arrival, so that every answer includes all rows that the ledger contained when the request arrived.
/// </remarks>
internal sealed class TeamAccounts(LedgerAccess ledger, IBudgetStore budgets, BudgetTerms terms, TimeProvider time)
{
    private readonly ConcurrentDictionary<(string Team, string? Key), Reads> _reads = new();

    /// <summary>Reads the account of a key that has a budget of its own, and otherwise that of its team.</summary>
    /// <param name="caller">The team and the key.</param>
    /// <param name="cancellationToken">Ends the wait of this caller.</param>
    /// <exception cref="LedgerException">The ledger is not open, or failed.</exception>
    /// <exception cref="LimitStoreException">The budget's counter failed.</exception>
    public async Task<TeamAccount> ReadAsync(CallerIdentity caller, CancellationToken cancellationToken)
    {
        await ledger.EnsureOpenAsync();
        var team = caller.Team;
        var holder = (team.Id, team.KeyBudget is null ? null : caller.Key.Label);
        var spending = await _reads.GetOrAdd(holder, static (holder, accounts) => new Reads(() => accounts.ReadSpendingAsync(holder.Team, holder.Key)), this)
            .ReadAsync()
            .WaitAsync(cancellationToken);
        var least = team.HasBudget ? await ReadLeastAsync(caller) : default;
        return new TeamAccount(
            spending.Ever, spending.Day, spending.Week, spending.Month, team.KeyBudget ?? team.Budget, team.HasBudget ? least.Left : null);
    }

    /// <summary>
    /// Reads the budget that leaves least to a key, its own or its team's, and the charges of its current period, including open
    /// reservations. The caller has one or both.
    /// </summary>
    /// <exception cref="LedgerException">The ledger is not open.</exception>
    /// <exception cref="LimitStoreException">The budget's counter failed.</exception>
    public async ValueTask<BudgetBalance> ReadLeastAsync(CallerIdentity caller)
    {
        await ledger.EnsureOpenAsync();
        var team = await ReadAsync(caller.Team, null, caller.Team.Budget);
        var key = await ReadAsync(caller.Team, caller.Key.Label, caller.Team.KeyBudget);
        return team is null || key?.Left < team.Value.Left ? key!.Value : team.Value;
    }

    private async ValueTask<BudgetBalance?> ReadAsync(Team team, string? keyLabel, TeamBudget? budget) => budget is null
        ? null
        : new BudgetBalance(budget.Limit, await budgets.ReadAsync(BudgetKey.At(team.Id, budget.Period, time.GetUtcNow(), keyLabel)));

    private async Task<Spending> ReadSpendingAsync(string team, string? keyLabel)
    {
        // The end of the caller's last call may still be queued.
        await ledger.FlushAsync();
        var now = time.GetUtcNow();
        return new Spending(
            await SinceAsync(BudgetPeriod.Total),
            await SinceAsync(BudgetPeriod.Day),
            await SinceAsync(BudgetPeriod.Week),
            await SinceAsync(BudgetPeriod.Month));

        async Task<TeamSpending> SinceAsync(BudgetPeriod period)
        {
            var charges = await ledger.Store.ReadChargesAsync(
                team, keyLabel, BudgetKey.At(team, period, now).Start, DateTimeOffset.MaxValue, terms.HeldSince, CancellationToken.None);
            return new TeamSpending(charges.Charged, charges.UpstreamCost);
        }
    }

    private sealed record Spending(TeamSpending Ever, TeamSpending Day, TeamSpending Week, TeamSpending Month);

    /// <summary>The reads of one team or key.</summary>
    private sealed class Reads(Func<Task<Spending>> read)
    {
        private readonly Lock _gate = new();
        private Task<Spending>? _current;
        private Task<Spending>? _next;

        public Task<Spending> ReadAsync()
        {
            lock (_gate)
            {
                // On the thread pool: a read that completes synchronously would otherwise run inside the lock.
                return _current is null or { IsCompleted: true }
                    ? _current = Task.Run(read)
                    : _next ??= ReadNextAsync(_current);
            }
        }

        private async Task<Spending> ReadNextAsync(Task current)
        {
            await current.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ForceYielding);
            Task<Spending> next;
            lock (_gate)
            {
                _current = next = Task.Run(read);
                _next = null;
            }

            return await next;
        }
    }
}
