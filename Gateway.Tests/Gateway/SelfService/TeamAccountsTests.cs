using Gateway.Limits;
using Gateway.Primitives;
using Gateway.Secrets;
using Gateway.SelfService;
using Gateway.Teams;
using Gateway.Tests.Gateway.Limits;
using Gateway.Tests.Support;
using Microsoft.Extensions.Time.Testing;
using OpenRouterGateway.Transforms.ProviderMapping;
using Xunit;

namespace Gateway.Tests.Gateway.SelfService;

public sealed class TeamAccountsTests : IAsyncDisposable
{
    // A Wednesday: the week began on Monday 2 March, the month on the Sunday before.
    private static readonly DateTimeOffset Now = new(2026, 3, 4, 12, 0, 0, TimeSpan.Zero);

    private readonly FakeLedger _ledger = new();
    private readonly FakeTimeProvider _time = new(Now);
    private readonly TeamAccounts _accounts;

    public TeamAccountsTests()
    {
        var terms = new BudgetTerms(_ => Search, () => TimeSpan.FromHours(1), _time);
        var budgets = new MemoryBudgetStore(
            async (key, recent) =>
            {
                await _ledger.Access.EnsureOpenAsync();
                return await LimitStores.SeedAsync(_ledger, terms, key, recent);
            },
            _time);
        _accounts = new TeamAccounts(_ledger.Access, budgets, terms, _time);
    }

    public ValueTask DisposeAsync() => _ledger.DisposeAsync();

    private static Team Search { get; } = new()
    {
        Id = "search",
        Keys = [],
        UpstreamKey = new UpstreamKey("key"),
        Rights = ModelRights.All,
        Limits = TeamLimits.None,
        Budget = new TeamBudget(new PicoDollars(1000), BudgetPeriod.Week),
        Rules = ProviderMappingRules.Empty,
    };

    private static CallerIdentity Caller { get; } = new(Search, new TeamKey { Label = "ci", Hash = default });

    [Fact]
    public async Task DaysWeeksAndMonths_BeginInUtc()
    {
        Add(new DateTimeOffset(2026, 2, 28, 23, 59, 59, TimeSpan.Zero), 1);
        Add(new DateTimeOffset(2026, 3, 1, 0, 0, 0, TimeSpan.Zero), 10);
        Add(new DateTimeOffset(2026, 3, 2, 0, 0, 0, TimeSpan.Zero), 100);
        Add(new DateTimeOffset(2026, 3, 4, 0, 0, 0, TimeSpan.Zero), 300);

        var account = await _accounts.ReadAsync(Caller, TestContext.Current.CancellationToken);

        Assert.Equal(
            [300, 400, 410, 411],
            ((TeamSpending[])[account.Day, account.Week, account.Month, account.Ever]).Select(spending => (int)spending.Charged.Value));
        Assert.Equal((400, 600), ((int)account.Week.Charged.Value, (int)account.Left!.Value.Value));
    }

    [Fact]
    public async Task OverspentBudget_LeavesNothing()
    {
        Add(Now, 1200);

        var account = await _accounts.ReadAsync(Caller, TestContext.Current.CancellationToken);

        Assert.Equal((1200, 0), ((int)account.Week.Charged.Value, (int)account.Left!.Value.Value));
    }

    [Fact]
    public async Task ReadsInProgress_AreSharedByThoseThatComeMeanwhile()
    {
        await _ledger.Access.EnsureOpenAsync();
        Add(Now, 1);
        var gate = new TaskCompletionSource();
        _ledger.Gate = gate.Task;
        var first = _accounts.ReadAsync(Caller, TestContext.Current.CancellationToken);
        await Eventually.TrueAsync(() => _ledger.ChargeQueries == 1, "the first query");
        Add(Now, 10);
        var waiting = Enumerable.Range(0, 50).Select(_ => _accounts.ReadAsync(Caller, TestContext.Current.CancellationToken)).ToArray();

        gate.SetResult();

        await first;
        Assert.All(await Task.WhenAll(waiting), account => Assert.Equal(11, (int)account.Ever.Charged.Value));

        // Four a read, and one that seeds the budget's counter.
        Assert.Equal(9, _ledger.ChargeQueries);
    }

    [Fact]
    public async Task FailedRead_IsNotRepeatedForLaterCallers()
    {
        await _accounts.ReadAsync(Caller, TestContext.Current.CancellationToken);
        _ledger.IsFailing = true;
        await Assert.ThrowsAnyAsync<Exception>(() => _accounts.ReadAsync(Caller, TestContext.Current.CancellationToken));
        _ledger.IsFailing = false;
        Add(Now, 5);

        Assert.Equal(5, (int)(await _accounts.ReadAsync(Caller, TestContext.Current.CancellationToken)).Day.Charged.Value);
    }

    private void Add(DateTimeOffset at, long charge)
    {
        var id = Guid.CreateVersion7(at);
        _ledger.Begin(id, "search", at, reserved: charge);
        _ledger.Close(id, charge);
    }
}
