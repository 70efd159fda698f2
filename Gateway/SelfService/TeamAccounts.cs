using System.Collections.Concurrent;
using Gateway.Billing;
using Gateway.Ledger;
using Gateway.Limits;
using Gateway.Primitives;
using Gateway.Teams;

namespace Gateway.SelfService;

/// <summary>Reads the accounts of teams: the charges from the ledger, the rest of the budget from its counter.</summary>
/// <remarks>
/// A read of the ledger may take long. One read a team is in progress at a time. Callers that arrive meanwhile share the next one, which
/// begins after their arrival, so that every answer includes what the ledger contained when the request arrived.
/// </remarks>
internal sealed class TeamAccounts(LedgerAccess ledger, IBudgetStore budgets, BudgetTerms terms, TimeProvider time)
{
    private readonly ConcurrentDictionary<string, Reads> _reads = new(StringComparer.Ordinal);

    /// <summary>Reads the account of a team.</summary>
    /// <param name="team">The team.</param>
    /// <param name="cancellationToken">Ends the wait of this caller.</param>
    /// <exception cref="LedgerException">The ledger is not open, or failed.</exception>
    /// <exception cref="LimitStoreException">The budget's counter failed.</exception>
    public async Task<TeamAccount> ReadAsync(Team team, CancellationToken cancellationToken)
    {
        await ledger.EnsureOpenAsync();
        var spending = await _reads.GetOrAdd(team.Id, static (id, accounts) => new Reads(() => accounts.ReadSpendingAsync(id)), this)
            .ReadAsync()
            .WaitAsync(cancellationToken);
        return new TeamAccount(spending.Ever, spending.Day, spending.Week, spending.Month, team.Budget, await ReadChargedAsync(team));
    }

    /// <summary>Reads the charges of the current period of a team's budget, including open reservations. Zero without a budget.</summary>
    /// <exception cref="LedgerException">The ledger is not open.</exception>
    /// <exception cref="LimitStoreException">The budget's counter failed.</exception>
    public async ValueTask<PicoDollars> ReadChargedAsync(Team team)
    {
        await ledger.EnsureOpenAsync();
        return team.Budget is { } budget
            ? await budgets.ReadAsync(BudgetKey.At(team.Id, budget.Period, time.GetUtcNow()))
            : PicoDollars.Zero;
    }

    private async Task<Spending> ReadSpendingAsync(string team)
    {
        var now = time.GetUtcNow();
        return new Spending(
            await SinceAsync(BudgetPeriod.Total),
            await SinceAsync(BudgetPeriod.Day),
            await SinceAsync(BudgetPeriod.Week),
            await SinceAsync(BudgetPeriod.Month));

        async Task<TeamSpending> SinceAsync(BudgetPeriod period)
        {
            var charges = await ledger.Store.ReadChargesAsync(
                team, null, BudgetKey.At(team, period, now).Start, DateTimeOffset.MaxValue, terms.HeldSince, CancellationToken.None);
            return new TeamSpending(charges.Charged, charges.UpstreamCost);
        }
    }

    private sealed record Spending(TeamSpending Ever, TeamSpending Day, TeamSpending Week, TeamSpending Month);

    /// <summary>The reads of one team.</summary>
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
