using System.Data.Common;
using Gateway.Ledger;
using Gateway.Ledger.Postgres;
using Gateway.Tests.Support;
using Npgsql;
using Xunit;
using static Gateway.Tests.Gateway.Ledger.LedgerSamples;

namespace Gateway.Tests.Gateway.Ledger.Postgres;

public sealed class PostgresLedgerStoreTests(PostgresServer server) : LedgerStoreTests
{
    private string _connectionString = "";

    [Fact]
    public async Task Outage_FailsInBoundedTimeWithoutSecrets_AndIsOver()
    {
        await using var own = new PostgresServer();
        var connectionString = await own.CreateDatabaseAsync();
        await using var store = new PostgresLedgerStore(connectionString, TimeProvider.System, HangGuard.Limit);
        var cancel = TestContext.Current.CancellationToken;
        await store.OpenAsync(cancel);
        await store.ApplyAsync([Began(NewId())], cancel);

        await own.StopAsync();
        for (var i = 0; i < 2; i++)
        {
            var failure = await Assert.ThrowsAsync<LedgerException>(
                () => store.ApplyAsync([Began(NewId())], cancel).GuardAsync());
            Assert.DoesNotContain(PostgresServer.Password, failure.ToString(), StringComparison.Ordinal);
        }

        await own.StartAsync();
        var id = NewId();
        await Eventually.TrueAsync(
            async () =>
            {
                try
                {
                    await store.ApplyAsync([Began(id)], cancel);
                    return true;
                }
                catch (LedgerException)
                {
                    return false;
                }
            },
            "the store to work again");
        Assert.Single(await store.ReadChargesAsync([id], cancel));

        // The lock of the node is taken again in the background, so that no other node adopts its rows.
        await using var other = new PostgresLedgerStore(connectionString, TimeProvider.System, HangGuard.Limit);
        await other.OpenAsync(cancel);
        await Eventually.TrueAsync(
            async () =>
            {
                var late = NewId();
                await store.ApplyAsync([Began(late)], cancel);
                await other.AdoptOrphansAsync(Now, cancel);
                return (await other.ReadChargesAsync([late], cancel))[late].IsOpen;
            },
            "the node to be known as alive again");
    }

    [Fact]
    public async Task WriteOff_TellsTheRowsThatItWrote_AlsoIfOthersAreGivenUpMeanwhile()
    {
        var cancel = TestContext.Current.CancellationToken;
        var (early, late) = (NewId(), NewId());
        await using var store = Create();
        await store.OpenAsync(cancel);
        await store.ApplyAsync([Began(early), Unresolvable(early), Began(late)], cancel);
        await using var blocking = await ConnectAsync();
        await using var transaction = await blocking.BeginTransactionAsync(cancel);
        await ExecuteAsync(blocking, "UPDATE generations SET asked = asked WHERE state = 3");

        var writing = store.WriteOffAsync(new WriteOffQuery("search", null, null), "an outage", Now, cancel);
        await using var watching = await ConnectAsync();
        await Eventually.TrueAsync(
            async () => await CountAsync(
                watching, "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'") > 0,
            "the write to wait for the row");
        await store.ApplyAsync([Unresolvable(late)], cancel);
        await transaction.CommitAsync(cancel);

        var written = Assert.Single(await writing);
        Assert.Equal(early, written.Id);
        Assert.Equal(1, await CountAsync(watching, "SELECT COUNT(*) FROM generations WHERE state = 4"));
    }

    [Theory]
    [InlineData("Host=127.0.0.1;Password=secret-4711;Nonsense=1")]
    [InlineData("secret-4711")]
    [InlineData("Host=127.0.0.1;Port=secret-4711")]
    [InlineData("")]
    public void UnreadableConnectionString_IsNotQuoted(string connectionString)
    {
        var failure = Assert.Throws<LedgerException>(() => new PostgresLedgerStore(connectionString, TimeProvider.System));
        Assert.DoesNotContain("4711", failure.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task WrongPassword_IsToldWithoutIt()
    {
        var wrong = new NpgsqlConnectionStringBuilder(_connectionString) { Password = "secret-4711" }.ConnectionString;
        await using var store = new PostgresLedgerStore(wrong, TimeProvider.System, HangGuard.Limit);
        var failure = await Assert.ThrowsAsync<LedgerException>(() => store.OpenAsync(TestContext.Current.CancellationToken));
        Assert.Contains("28P01", failure.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("4711", failure.ToString(), StringComparison.Ordinal);
    }

    protected override async Task PrepareAsync() => _connectionString = await server.EmptyDatabaseAsync(GetType());

    protected override Task CleanUpAsync() => Task.CompletedTask;

    protected override Task ForgetAsync() => PrepareAsync();

    private protected override ILedgerStore Create() => new PostgresLedgerStore(_connectionString, TimeProvider.System, HangGuard.Limit);

    private protected override async Task DieAsync(ILedgerStore store) => await store.DisposeAsync();

    protected override async Task<DbConnection> ConnectAsync()
    {
        var connection = new NpgsqlConnection(_connectionString);
        await connection.OpenAsync();
        return connection;
    }

    protected override object Key(Guid id) => id;

    private static async Task ExecuteAsync(DbConnection connection, string sql)
    {
        await using var command = connection.CreateCommand();
        command.CommandText = sql;
        await command.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
    }

    private static async Task<long> CountAsync(DbConnection connection, string sql)
    {
        await using var command = connection.CreateCommand();
        command.CommandText = sql;
        return (long)(await command.ExecuteScalarAsync(TestContext.Current.CancellationToken))!;
    }
}
