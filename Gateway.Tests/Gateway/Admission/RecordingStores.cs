using Gateway.Billing;
using Gateway.Ledger;
using Gateway.Limits;
using Gateway.Primitives;

namespace Gateway.Tests.Gateway.Admission;

/// <summary>A lease, and the stores of budgets and the ledger. Records each step; one store can fail.</summary>
internal sealed class RecordingStores : ILimitLease, IBudgetStore, ILedger
{
    public List<string> Steps { get; } = [];

    public List<LedgerEntry> Entries { get; } = [];

    public BudgetKey? Budget { get; private set; }

    public LimitResult Result { get; set; } = new();

    public bool IsBudgetSpent { get; set; }

    /// <summary>The part of a spent budget that open reservations hold.</summary>
    public PicoDollars OpenReservations { get; set; }

    public long? TakenTokens { get; private set; }

    public string Failing { get; set; } = "";

    /// <summary>The exception of the failing store; by default the one that it declares.</summary>
    public Exception? Fault { get; set; }

    public ValueTask<LimitResult> ChargeAsync(long estimatedTokens)
    {
        Fail("limits", new LimitStoreException("down"));
        Steps.Add($"charge {estimatedTokens}");
        TakenTokens = Result.RefusedBy is null ? estimatedTokens : null;
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
        Fail("budget's reply", new LimitStoreException("late") { MayHaveTakenEffect = true });
        Budget = key;
        Steps.Add($"reserve {amount.Value} of {limit.Value}");
        return new(IsBudgetSpent && limit < PicoDollars.MaxStored
            ? new BudgetResult(false, limit, OpenReservations)
            : new BudgetResult(true, amount));
    }

    public ValueTask<bool> SettleAsync(BudgetKey key, Guid id, PicoDollars reserved, PicoDollars charge, bool isCounted)
    {
        Steps.Add($"settle {reserved.Value} as {charge.Value}");
        return new(true);
    }

    public ValueTask MarkAsync(BudgetKey key, Guid id, PicoDollars charge) => throw new NotSupportedException();

    public void Release(BudgetKey key, Guid id) => Steps.Add("release");

    public ValueTask<bool> HoldAsync(BudgetKey key, Guid id, PicoDollars amount, bool isCounted)
    {
        Steps.Add($"hold {amount.Value}");
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
