using System.Collections.Concurrent;
using Gateway.Billing;
using Gateway.Limits;
using Gateway.Primitives;

namespace Gateway.Tests.Gateway.Alerts;

/// <summary>Budgets whose levels the test sets.</summary>
internal sealed class SetBudgets : IBudgetPreview
{
    private readonly ConcurrentDictionary<BudgetKey, (PicoDollars Spent, PicoDollars Reserved)> _levels = new();

    /// <summary>Makes the store fail.</summary>
    public bool IsFailing { get; set; }

    /// <summary>Sets the amount that a team has spent in the period of a moment, in US dollars.</summary>
    public void Spend(BudgetKey key, decimal usd, decimal reserved = 0) => _levels[key] = (Pico(usd), Pico(reserved));

    public ValueTask<BudgetResult> PreviewAsync(BudgetKey key, PicoDollars limit, PicoDollars amount)
    {
        if (IsFailing)
        {
            throw new LimitStoreException("marked");
        }

        var (spent, reserved) = _levels.GetValueOrDefault(key);
        return new(new BudgetResult(false, spent + reserved, reserved).For(amount, limit));
    }

    private static PicoDollars Pico(decimal usd) => new((Int128)(usd * 1_000_000_000_000));
}
