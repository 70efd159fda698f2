using BenchmarkDotNet.Attributes;
using Gateway.Billing;
using Gateway.Ledger;
using Gateway.Limits;
using Gateway.Primitives;
using Gateway.Teams;

namespace Gateway.Benchmarks.Limits;

/// <summary>The cost of limits and a budget for a request of one of 200 teams, with counters in memory.</summary>
[MemoryDiagnoser]
public class LimitStoreBenchmarks
{
    private const int Teams = 200;

    private readonly LimitScope[][] _scopes = new LimitScope[Teams][];
    private readonly BudgetKey[] _budgets = new BudgetKey[Teams];
    private readonly MemoryLimitStore _limitStore = new(TimeProvider.System);
    private readonly MemoryBudgetStore _budgetStore = new(
        static (_, _) => Task.FromResult(new TeamCharges(PicoDollars.Zero, new Dictionary<Guid, PicoDollars>(), [])), TimeProvider.System);

    private int _team;

    [GlobalSetup]
    public async Task Setup()
    {
        var now = TimeProvider.System.GetUtcNow();
        for (var i = 0; i < Teams; i++)
        {
            _scopes[i] = [new($"team:{i}", int.MaxValue, int.MaxValue, 50), new($"key:{i}/ci", int.MaxValue, null, null)];
            _budgets[i] = BudgetKey.At($"{i}", BudgetPeriod.Month, now);
            await _budgetStore.ReadAsync(_budgets[i]);
        }
    }

    [Benchmark]
    public async ValueTask EnterChargeAndReturn()
    {
        var lease = (await _limitStore.EnterAsync(_scopes[Next()])).Lease!;
        await lease.ChargeAsync(1000);
        await lease.ReturnAsync(800);
    }

    [Benchmark]
    public async ValueTask ReserveAndSettle()
    {
        var key = _budgets[Next()];
        var amount = new PicoDollars(1_000_000);
        await _budgetStore.ReserveAsync(key, PicoDollars.MaxStored, Guid.Empty, amount);
        await _budgetStore.SettleAsync(key, Guid.Empty, amount, PicoDollars.Zero, isCounted: true);
    }

    private int Next() => _team = (_team + 1) % Teams;
}
