using System.Collections.Concurrent;
using Gateway.Billing;

namespace Gateway.Limits;

/// <summary>
/// Removes counters from Redis. A removal that fails is repeated before the next operation of the counter, or by the reconciler, so that no
/// operation uses a counter that is to be removed.
/// </summary>
internal sealed class RedisBudgetRemovals(RedisLink link, RedisBudgetNames names)
{
    /// <summary>The counters to remove, each with the last attempt and whether it succeeded.</summary>
    private readonly ConcurrentDictionary<BudgetKey, Lazy<Task<bool>>> _pending = new();

    /// <summary>Begins to remove a counter.</summary>
    public void Begin(BudgetKey key)
    {
        var attempt = Try(key);
        _pending[key] = attempt;
        _ = attempt.Value;
    }

    /// <summary>Completes the removal of a counter, if it is to be removed.</summary>
    /// <exception cref="LimitStoreException">Redis failed or was too slow.</exception>
    public ValueTask CompleteAsync(BudgetKey key) =>
        _pending.TryGetValue(key, out var attempt) ? CompleteAsync(key, attempt) : ValueTask.CompletedTask;

    /// <summary>Completes all removals.</summary>
    /// <exception cref="LimitStoreException">Redis failed or was too slow.</exception>
    public async ValueTask CompleteAllAsync()
    {
        foreach (var (key, attempt) in _pending)
        {
            await CompleteAsync(key, attempt);
        }
    }

    private async ValueTask CompleteAsync(BudgetKey key, Lazy<Task<bool>> attempt)
    {
        if (attempt.Value.IsCompleted && !await attempt.Value)
        {
            // Callers share one attempt: a second removal would take the reservations that were granted after the first.
            _pending.TryUpdate(key, Try(key), attempt);
            if (!_pending.TryGetValue(key, out attempt!))
            {
                return;
            }
        }

        if (!await attempt.Value)
        {
            throw new LimitStoreException("The counter of a budget could not be removed from Redis.");
        }

        _pending.TryRemove(new KeyValuePair<BudgetKey, Lazy<Task<bool>>>(key, attempt));
    }

    private Lazy<Task<bool>> Try(BudgetKey key) => new(async () =>
    {
        try
        {
            await link.RunAsync(RedisBudgetScripts.Forget, [names.KeyOf(key)], []);
            return true;
        }
        catch (LimitStoreException)
        {
            return false;
        }
    });
}
