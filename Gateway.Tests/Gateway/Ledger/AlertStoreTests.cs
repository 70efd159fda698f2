using Gateway.Ledger;
using Gateway.Ledger.Postgres;
using Gateway.Ledger.Sqlite;
using Gateway.Tests.Support;
using Xunit;
using static Gateway.Tests.Gateway.Ledger.LedgerSamples;

namespace Gateway.Tests.Gateway.Ledger;

/// <summary>Promise: an alert of a name is raised once, claimed by one node at a time, and claimed by another when the lease ends.</summary>
public sealed class AlertStoreTests(PostgresServer server) : IAsyncDisposable
{
    private readonly TempFolder _folder = new();
    private readonly List<ILedgerStore> _stores = [];
    private string? _database;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask DisposeAsync()
    {
        foreach (var store in _stores)
        {
            await store.DisposeAsync();
        }

        _folder.Dispose();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Alert_IsRaisedAndPostedOnce(bool isSqlite)
    {
        var (one, other) = (await OpenAsync(isSqlite), await OpenAsync(isSqlite));
        await one.RaiseAsync(Alert("a") with { Content = "first" }, Cancel);
        await other.RaiseAsync(Alert("a") with { Content = "second" }, Cancel);

        var claim = Assert.Single(await other.ClaimDueAsync(Now, Now.AddMinutes(1), 10, Cancel));
        Assert.Equal(new ClaimedAlert("a", "search", "first", Now, 0, Now.AddMinutes(1)), claim);
        Assert.Empty(await one.ClaimDueAsync(Now.AddSeconds(59), Now.AddMinutes(2), 10, Cancel));

        await other.MarkPostedAsync("a", Now, Cancel);
        await one.RaiseAsync(Alert("a"), Cancel);
        Assert.Empty(await one.ClaimDueAsync(Now.AddYears(1), Now.AddYears(2), 10, Cancel));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task EndedLease_PassesToAnotherNode_AndTheFirstDisturbsNothing(bool isSqlite)
    {
        var (one, other) = (await OpenAsync(isSqlite), await OpenAsync(isSqlite));
        await one.RaiseAsync(Alert("a"), Cancel);
        var lost = Assert.Single(await one.ClaimDueAsync(Now, Now.AddMinutes(1), 10, Cancel));
        var claim = Assert.Single(await other.ClaimDueAsync(Now.AddMinutes(1), Now.AddMinutes(2), 10, Cancel));

        await one.ReturnAsync(lost, Now, 7, Cancel);
        Assert.Empty(await one.ClaimDueAsync(Now.AddMinutes(1), Now.AddMinutes(3), 10, Cancel));

        await other.ReturnAsync(claim, Now.AddHours(1), 1, Cancel);
        Assert.Empty(await one.ClaimDueAsync(Now.AddMinutes(59), Now.AddHours(3), 10, Cancel));
        var again = Assert.Single(await one.ClaimDueAsync(Now.AddHours(1), Now.AddHours(3), 10, Cancel));
        Assert.Equal(1, again.Attempts);

        await one.ReturnAsync(again, null, 2, Cancel);
        Assert.Empty(await one.ClaimDueAsync(Now.AddYears(1), Now.AddYears(2), 10, Cancel));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task ClaimsAtTheSameTime_ShareTheAlerts(bool isSqlite)
    {
        var (one, other) = (await OpenAsync(isSqlite), await OpenAsync(isSqlite));
        for (var i = 0; i < 40; i++)
        {
            await one.RaiseAsync(Alert($"a{i}"), Cancel);
        }

        var claims = await Task.WhenAll(Enumerable.Range(0, 8).Select(i => Task.Run(
            () => (i % 2 == 0 ? one : other).ClaimDueAsync(Now, Now.AddMinutes(1 + i), 10, Cancel), Cancel)));

        var names = claims.SelectMany(claimed => claimed).Select(claim => claim.Name).ToList();
        Assert.Equal(names.Distinct(StringComparer.Ordinal).Count(), names.Count);
        Assert.All(claims, claimed => Assert.True(claimed.Count <= 10));

        // Nodes skip the alerts that another one is claiming, and find them at the next turn.
        names.AddRange((await one.ClaimDueAsync(Now, Now.AddHours(1), 40, Cancel)).Select(claim => claim.Name));
        Assert.Equal(Enumerable.Range(0, 40).Select(i => $"a{i}").Order(StringComparer.Ordinal), names.Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task ExpiredAlert_IsRemoved_AndOneWithoutAnExpiryIsNot(bool isSqlite)
    {
        var store = await OpenAsync(isSqlite);
        await store.RaiseAsync(Alert("day"), Cancel);
        await store.RaiseAsync(Alert("total") with { ExpiresAt = null }, Cancel);

        await store.RemoveExpiredAsync(Now.AddDays(1), Cancel);
        Assert.Equal(["day", "total"], await ClaimAsync());
        await store.RemoveExpiredAsync(Now.AddDays(1).AddMilliseconds(1), Cancel);
        await store.RaiseAsync(Alert("day") with { RaisedAt = Now.AddDays(-1) }, Cancel);
        await store.RaiseAsync(Alert("total") with { RaisedAt = Now.AddDays(-1) }, Cancel);
        Assert.Equal(["day"], await ClaimAsync());

        async Task<IEnumerable<string>> ClaimAsync() =>
            (await store.ClaimDueAsync(Now, Now.AddHours(1), 10, Cancel)).Select(claim => claim.Name).Order(StringComparer.Ordinal);
    }

    private static RaisedAlert Alert(string name) => new(name, "search", "{}", Now, Now.AddDays(1));

    private async Task<IAlertStore> OpenAsync(bool isSqlite)
    {
        _database ??= isSqlite ? _folder.File("usage.db") : await server.EmptyDatabaseAsync(GetType());
        ILedgerStore store = isSqlite
            ? new SqliteLedgerStore(_database) { BusyTimeout = HangGuard.Limit }
            : new PostgresLedgerStore(_database, TimeProvider.System, HangGuard.Limit);
        _stores.Add(store);
        await store.OpenAsync(Cancel);
        return store.Alerts;
    }
}
