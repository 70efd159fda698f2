using Gateway.Billing;
using Gateway.Configuration;
using Gateway.Limits;
using Gateway.Primitives;
using Gateway.Secrets;
using Gateway.Teams;
using Gateway.Tests.Gateway.Configuration;
using Microsoft.Extensions.Time.Testing;
using OpenRouterGateway.Transforms.ProviderMapping;
using Xunit;

namespace Gateway.Tests.Gateway.Limits;

/// <summary>Promise: a counter that did not include every call of its period is seeded from the ledger again.</summary>
public sealed class BudgetReloadHandlerTests
{
    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 8, 15, 12, 0, 0, TimeSpan.Zero));

    [Theory]
    [InlineData("a:Month", "a:Month", "")]
    [InlineData("a:Month", "a:Day", "a 2026-08-01, a 2026-08-15")]
    [InlineData("a:Month", "a", "a 2026-08-01")]
    [InlineData("a", "a:Month", "a 2026-08-01")]
    [InlineData("a:Month", "", "a 2026-08-01")]
    [InlineData("", "a:Month", "a 2026-08-01")]
    [InlineData("a:Month b:Day", "a:Month b:Month", "b 2026-08-15, b 2026-08-01")]
    [InlineData("a", "a", "")]
    [InlineData("a:Month", "a:Month:WithoutByok", "a 2026-08-01, a 2026-08-01")]
    [InlineData("a:Month:WithoutByok", "a:Month:WithoutByok", "")]
    [InlineData("a:Month+ci:Day", "a:Month+ci:Day", "")]
    [InlineData("a:Month+ci:Day", "a:Month", "a/ci 2026-08-15")]
    [InlineData("a+ci:Day", "a+ci:Month", "a/ci 2026-08-15, a/ci 2026-08-01")]
    [InlineData("a+ci:Day", "b+ci:Day", "a/ci 2026-08-15, b/ci 2026-08-15")]
    [InlineData("a+ci:Day", "a+laptop:Day", "a/ci 2026-08-15, a/laptop 2026-08-15")]
    public async Task Reload_ForgetsTheCountersOfChangedBudgets(string before, string after, string forgotten)
    {
        using var folder = new SettingsFolder();
        folder.Write("appsettings.json", SettingsFolder.Json());
        var snapshot = await folder.LoadGoodAsync();
        using var store = new SettingsStore(snapshot with { Teams = Teams(before) }, _time, new ListLogger<SettingsStore>());
        var budgets = new Budgets();
        var handler = new BudgetReloadHandler(store, budgets, _time);

        await handler.StartAsync(TestContext.Current.CancellationToken);
        Assert.True(await store.PublishAsync(snapshot with { Teams = Teams(after), Version = "2" }, TestContext.Current.CancellationToken));
        await handler.StopAsync(TestContext.Current.CancellationToken);
        Assert.True(await store.PublishAsync(snapshot with { Teams = Teams("c:Day"), Version = "3" }, TestContext.Current.CancellationToken));

        Assert.Equal(forgotten, string.Join(", ", budgets.Forgotten.Select(key => $"{key.Team}{(key.KeyLabel is { } label ? "/" + label : "")} {key.Start:yyyy-MM-dd}")));
    }

    [Fact]
    public async Task SecondReload_IsComparedWithTheFirst()
    {
        using var folder = new SettingsFolder();
        folder.Write("appsettings.json", SettingsFolder.Json());
        var snapshot = await folder.LoadGoodAsync();
        using var store = new SettingsStore(snapshot with { Teams = Teams("a:Month") }, _time, new ListLogger<SettingsStore>());
        var budgets = new Budgets();
        var handler = new BudgetReloadHandler(store, budgets, _time);
        await handler.StartAsync(TestContext.Current.CancellationToken);

        await store.PublishAsync(snapshot with { Teams = Teams("a:Day"), Version = "2" }, TestContext.Current.CancellationToken);
        budgets.Forgotten.Clear();
        await store.PublishAsync(snapshot with { Teams = Teams("a:Day"), Version = "3" }, TestContext.Current.CancellationToken);

        Assert.Empty(budgets.Forgotten);
    }

    private static TeamDirectory Teams(string text) => new(
    [
        .. text.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(team => team.Split('+')).Select(team => (Parts: team[0].Split(':'), Key: team.Length > 1 ? team[1].Split(':') : null)).Select(team => new Team
        {
            Id = team.Parts[0],
            Keys = team.Key is not [var label, var period]
                ? []
                : [new TeamKey { Label = label, Hash = new byte[32], Budget = new TeamBudget(new PicoDollars(1), Enum.Parse<BudgetPeriod>(period)) }],
            UpstreamKey = new UpstreamKey("sk"),
            Rights = ModelRights.All,
            Limits = TeamLimits.None,
            Budget = team.Parts.Length > 1
                ? new TeamBudget(new PicoDollars(1), Enum.Parse<BudgetPeriod>(team.Parts[1])) { IncludesByok = team.Parts.Length == 2 }
                : null,
            Rules = ProviderMappingRules.Empty,
        }),
    ]);

    private sealed class Budgets : IBudgetStore
    {
        public List<BudgetKey> Forgotten { get; } = [];

        public void Forget(BudgetKey key) => Forgotten.Add(key);

        public ValueTask<BudgetResult> ReserveAsync(BudgetKey key, PicoDollars limit, Guid id, PicoDollars amount) =>
            throw new NotSupportedException();

        public ValueTask<bool> SettleAsync(BudgetKey key, Guid id, PicoDollars reserved, PicoDollars charge, bool isCounted) =>
            throw new NotSupportedException();

        public ValueTask MarkAsync(BudgetKey key, Guid id, PicoDollars charge) => throw new NotSupportedException();

        public void Release(BudgetKey key, Guid id) => throw new NotSupportedException();

        public ValueTask<bool> HoldAsync(BudgetKey key, Guid id, PicoDollars amount, bool isCounted) => throw new NotSupportedException();

        public ValueTask<PicoDollars> ReadAsync(BudgetKey key) => throw new NotSupportedException();
    }
}
