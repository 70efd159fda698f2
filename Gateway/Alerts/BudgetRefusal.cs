using Gateway.Billing;
using Gateway.Primitives;

namespace Gateway.Alerts;

/// <summary>The first request of a period that the budget does not cover.</summary>
/// <param name="key">The budget and its period.</param>
/// <param name="limit">The limit.</param>
/// <param name="spent">The charges, without open reservations.</param>
/// <param name="isRefused">Whether the request was refused.</param>
/// <param name="time">When it was refused.</param>
internal sealed class BudgetRefusal(BudgetKey key, PicoDollars limit, PicoDollars spent, bool isRefused, DateTimeOffset time)
{
    public BudgetKey Key => key;

    public PicoDollars Limit => limit;

    public PicoDollars Spent => spent;

    public bool IsRefused => isRefused;

    public DateTimeOffset Time => time;

    /// <summary>Whether the alert is in the ledger. Set by the worker only.</summary>
    public bool IsRaised { get; set; }
}
