using Gateway.Billing;
using Gateway.Ledger;
using Gateway.Primitives;

namespace Gateway.Limits;

/// <summary>
/// Finds counters that lack charges of the ledger, and removes them, so that they are seeded again. A counter that has less than the sum of
/// the rows that were settled minutes ago has lost charges: those of calls that another process, or an earlier one, admitted
/// without the budget; of a call that was admitted before a reload added the budget; or those that a Redis which came back with older data does
/// not have. Used by one thread at a time.
/// </summary>
/// <param name="ledger">The ledger.</param>
/// <param name="terms">The terms by which budgets count rows.</param>
/// <param name="age">The time in which a round brings calls into the counter that another process has settled.</param>
/// <param name="time">The clock.</param>
/// <param name="logger">The log.</param>
internal sealed partial class BudgetAudit(ILedgerStore ledger, BudgetTerms terms, TimeSpan age, TimeProvider time, ILogger logger)
{
    /// <summary>The number of counters that a round compares, each with a query of the ledger. Later rounds compare the others.</summary>
    internal const int MaxPerRound = 50;

    private readonly Queue<BudgetKey> _left = new();

    // The settled charges of each counter, and when they were read.
    private readonly Dictionary<BudgetKey, (PicoDollars Sum, DateTimeOffset At)> _settled = [];

    /// <summary>Compares the next counters.</summary>
    /// <param name="keys">Returns the periods with counters.</param>
    /// <param name="read">Reads the charges of a counter without its open reservations; <see langword="null"/> without a counter.</param>
    /// <param name="forget">Removes a counter.</param>
    /// <exception cref="LedgerException">The ledger failed.</exception>
    public async Task RunAsync(
        Func<IReadOnlyCollection<BudgetKey>> keys, Func<BudgetKey, ValueTask<PicoDollars?>> read, Action<BudgetKey> forget)
    {
        if (_left.Count == 0)
        {
            Refill(keys());
        }

        for (var i = 0; i < MaxPerRound && _left.TryDequeue(out var key); i++)
        {
            var now = time.GetUtcNow();
            if (key.End <= now)
            {
                // Its counter lives on for late bills. The ledger's sum would have the charges of the next period, too.
                _settled.Remove(key);
                continue;
            }

            if (_settled.TryGetValue(key, out var before))
            {
                if (now - before.At < age)
                {
                    continue;
                }

                _settled.Remove(key);
                if (await read(key) is { } counted && counted < before.Sum)
                {
                    Log.BudgetCountedAnew(logger, key.Team);
                    forget(key);
                    continue;
                }
            }

            var charges = await LimitStores.SeedAsync(ledger, terms, key, DateTimeOffset.MaxValue);
            _settled[key] = (charges.Open.Values.Aggregate(charges.Charged, static (left, held) => left - held), now);
        }
    }

    private void Refill(IReadOnlyCollection<BudgetKey> keys)
    {
        foreach (var gone in _settled.Keys.Except(keys).ToList())
        {
            _settled.Remove(gone);
        }

        foreach (var key in keys)
        {
            _left.Enqueue(key);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(
            LogEvents.BudgetCountedAnew,
            LogLevel.Warning,
            "The counter of a budget of team {Team} lacks charges of the ledger. It is counted from the ledger anew")]
        public static partial void BudgetCountedAnew(ILogger logger, string team);
    }
}
