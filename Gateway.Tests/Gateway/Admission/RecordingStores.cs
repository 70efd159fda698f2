using Gateway.Billing;
using Gateway.Ledger;
using Gateway.Limits;
using Gateway.Primitives;

namespace Gateway.Tests.Gateway.Admission;

/// <summary>The stores of limits, budgets and the ledger. Records each step; one store can fail.</summary>
internal sealed class RecordingStores : ILimitStore, ILimitLease, IBudgetStore, ILedger
{
    public RecordingStores() => Result = new LimitResult { Lease = this };

    public List<string> Steps { get; } = [];

    public List<LedgerEntry> Entries { get; } = [];

    public IReadOnlyList<string> Scopes { get; private set; } = [];

    public BudgetKey? Budget { get; private set; }

    public LimitResult Result { get; set; }

    public bool IsBudgetSpent { get; set; }

    public string Failing { get; set; } = "";

    /// <summary>What the failing store throws; by default the exception that it declares.</summary>
    public Exception? Fault { get; set; }

    public ValueTask<LimitResult> TakeAsync(LimitRequest request)
    {
        Fail("limits", new LimitStoreException("down"));
        Steps.Add($"take {request.EstimatedTokens}");
        Scopes = [.. request.Scopes.Select(scope => scope.Holder)];
        return new(Result);
    }

    public ValueTask ReturnAsync(long? tokens)
    {
        Steps.Add("return lease");
        return default;
    }

    public ValueTask CancelAsync()
    {
        Steps.Add("cancel lease");
        return default;
    }

    public ValueTask<BudgetResult> ReserveAsync(BudgetKey key, PicoDollars limit, Guid id, PicoDollars amount)
    {
        Fail("budget", new LimitStoreException("down"));
        Budget = key;
        Steps.Add($"reserve {amount.Value} of {limit.Value}");
        return new(new BudgetResult(!IsBudgetSpent, amount));
    }

    public ValueTask<bool> SettleAsync(BudgetKey key, Guid id, PicoDollars reserved, PicoDollars charge, bool isCounted)
    {
        Steps.Add($"settle {reserved.Value} as {charge.Value}");
        return new(true);
    }

    public void Forget(BudgetKey key)
    {
    }

    public ValueTask<PicoDollars> ReadAsync(BudgetKey key) => new(PicoDollars.Zero);

    public ValueTask WriteAsync(LedgerEntry entry)
    {
        Fail("ledger", new LedgerException("full"));
        Steps.Add($"write {entry.GetType().Name}");
        Entries.Add(entry);
        return default;
    }

    public void Post(LedgerEntry entry)
    {
        Steps.Add($"post {entry.GetType().Name}");
        Entries.Add(entry);
    }

    private void Fail(string store, Exception declared)
    {
        if (Failing == store)
        {
            throw Fault ?? declared;
        }
    }
}
