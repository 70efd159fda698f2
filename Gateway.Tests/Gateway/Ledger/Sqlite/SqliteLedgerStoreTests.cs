using System.Data.Common;
using System.Diagnostics;
using Gateway.Billing;
using Gateway.Configuration.Model;
using Gateway.Hosting;
using Gateway.Ledger;
using Gateway.Ledger.Sqlite;
using Gateway.Tests.Support;
using Microsoft.Data.Sqlite;
using Xunit;
using static Gateway.Tests.Gateway.Ledger.LedgerSamples;

namespace Gateway.Tests.Gateway.Ledger.Sqlite;

public sealed class SqliteLedgerStoreTests : LedgerStoreTests
{
    private readonly TempFolder _folder = new();
    private int _generation;

    private string Database => Path.Combine(_folder.Path, "data", $"usage{_generation}.db");

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task FolderIsMade_ForItsOwnerOnly()
    {
        await using var store = new SqliteLedgerStore(_folder.File("a/b/usage.db"));
        await store.OpenAsync(Cancel);
        Assert.True(File.Exists(_folder.File("a/b/usage.db")));
        if (!OperatingSystem.IsWindows())
        {
            Assert.Equal(
                UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute,
                new DirectoryInfo(_folder.File("a/b")).UnixFileMode);
        }
    }

    [Fact]
    public async Task NewFiles_AreForTheirOwnerOnly()
    {
        await using var store = new SqliteLedgerStore(_folder.File("usage.db"));
        await store.OpenAsync(Cancel);
        await store.ApplyAsync([Began(NewId())], Cancel);

        var files = Directory.GetFiles(_folder.Path, "usage.*");
        Assert.Contains(files, file => file.Contains("usage.journal-", StringComparison.Ordinal));
        Assert.Contains(_folder.File("usage.db-wal"), files);
        Assert.Contains(_folder.File("usage.db-shm"), files);
        Assert.Contains(files, file => file.Contains(".node-", StringComparison.Ordinal));
        if (!OperatingSystem.IsWindows())
        {
            UnixFileMode[] modes = [.. files.Select(File.GetUnixFileMode).Distinct()];
            Assert.Equal([UnixFileMode.UserRead | UnixFileMode.UserWrite], modes);
        }
    }

    [Fact]
    public async Task ReplacedFile_HasTheRowsOfCallsInFlight()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Replaced files are noticed on Linux.");
        var path = _folder.File("usage.db");
        await using (var other = new SqliteLedgerStore(_folder.File("backup.db")))
        {
            await other.OpenAsync(Cancel);
        }

        await using var store = new SqliteLedgerStore(path);
        await store.OpenAsync(Cancel);
        var (inFlight, settled) = (NewId(), NewId());
        await store.ApplyAsync([Began(inFlight), Began(settled), Settled(settled, 5)], Cancel);

        File.Move(_folder.File("backup.db"), path, overwrite: true);
        await store.ApplyAsync([Began(NewId())], Cancel);
        await Eventually.TrueAsync(() => File.Exists(path + ".replaced-1"), "the kept content");

        // The copy of the open rows follows.
        await Eventually.TrueAsync(async () => (await store.ReadChargesAsync([inFlight], Cancel)).Count == 1, "the row of the call in flight");
        await store.ApplyAsync([new LedgerEntry.Named(inFlight, "gen-1"), Settled(inFlight, 7) with { GenerationId = "gen-1" }], Cancel);

        var rows = await LedgerRow.ReadSqliteAsync(path);
        var row = Assert.Single(rows, row => row.GenerationId == "gen-1");
        Assert.Equal((GenerationState.Settled, 7), (row.State, row.CostPico));
        Assert.DoesNotContain(rows, row => row.CostPico == 5);
        Assert.Contains(await LedgerRow.ReadSqliteAsync(path + ".replaced-1"), row => row.CostPico == 5);
    }

    [Theory]
    [InlineData(0, 2)]
    [InlineData(1.75, 0.25)]
    [InlineData(2, 0)]
    [InlineData(2.05, 0)]
    [InlineData(100, 0)]
    public void TimeToTheCheckpoint_IsNeverNegative(double elapsed, double left) =>
        Assert.Equal(TimeSpan.FromSeconds(left), JournalCompactor.LeftAfter(TimeSpan.FromSeconds(elapsed)));

    [Fact]
    public async Task RowsOfAnIdleLedger_ReachTheDatabaseFile()
    {
        var (path, copy) = (_folder.File("usage.db"), _folder.File("copy.db"));
        await using var store = new SqliteLedgerStore(path);
        await store.OpenAsync(Cancel);
        var id = NewId();
        await store.ApplyAsync([Began(id), Settled(id, 5)], Cancel);

        // Without the write-ahead log, which a checkpoint leaves behind.
        await Eventually.TrueAsync(
            async () =>
            {
                File.Copy(path, copy, overwrite: true);
                await using var connection = new SqliteConnection($"Data Source={copy};Pooling=False");
                try
                {
                    await connection.OpenAsync(Cancel);
                    await using var command = connection.CreateCommand();
                    command.CommandText = "SELECT count(*) FROM generations WHERE cost_pico = 5";
                    return await command.ExecuteScalarAsync(Cancel) is 1L;
                }
                catch (SqliteException)
                {
                    // Copied in the middle of the checkpoint.
                    return false;
                }
            },
            "a checkpoint");
    }

    [Fact]
    public async Task PathThatIsAFolder_IsTold()
    {
        Directory.CreateDirectory(_folder.File("folder"));
        await using var store = new SqliteLedgerStore(_folder.File("folder"));
        var failure = await Assert.ThrowsAsync<LedgerException>(() => store.OpenAsync(Cancel));
        Assert.Contains(_folder.File("folder"), failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task DatabaseThatIsFull_LeavesEntriesInTheJournal_UntilThereIsRoom()
    {
        // SQLite's own bound on the file's size fails where a full disk does, with the same code.
        await using var store = new SqliteLedgerStore(_folder.File("full.db")) { Tuning = "PRAGMA max_page_count = 30;" };
        await store.OpenAsync(Cancel);
        Guid[] ids = [.. Enumerable.Range(0, 2000).Select(_ => NewId())];
        foreach (var id in ids)
        {
            await store.ApplyAsync([Began(id)], Cancel);
        }

        // A query has a connection of its own, without the bound: the writing one is the first to fold.
        var failure = await Assert.ThrowsAsync<LedgerException>(() => store.TakeDueAsync(["search"], Now, Now, 1, Cancel));
        Assert.Contains("full", failure.Message, StringComparison.Ordinal);

        store.Tuning = "";
        await store.TakeDueAsync(["search"], Now, Now, 1, Cancel);
        Assert.Equal(ids.Length, (await store.ReadChargesAsync(ids, Cancel)).Count);
        Assert.Equal(0, JournalFile.Paths(_folder.File("full.db")).Sum(path => new FileInfo(path).Length));
    }

    [Fact]
    public async Task FileThatIsLocked_TakesEntries_AndFailsTheRestUntilItIsFree()
    {
        await using var store = await OpenLockableAsync();
        var id = NewId();
        await using (await LockAsync())
        {
            await store.ApplyAsync([Began(id)], Cancel);
            await Assert.ThrowsAsync<LedgerException>(() => store.TakeDueAsync(["search", "other"], Now, Now, 1, Cancel));
            await Assert.ThrowsAsync<LedgerException>(() => store.ReadChargesAsync([id], Cancel));
        }

        Assert.Single(await store.ReadChargesAsync([id], Cancel));
    }

    [Fact]
    public async Task FileThatIsLockedForLong_IsWaitedForOnce()
    {
        await using var store = await OpenLockableAsync();
        var id = NewId();
        await using (await LockAsync())
        {
            await store.ApplyAsync([Began(id)], Cancel);
            await Assert.ThrowsAsync<LedgerException>(() => store.TakeDueAsync(["search"], Now, Now, 1, Cancel));

            // A query that waited again would not end.
            store.BusyTimeout = TimeSpan.FromDays(1);
            await Task.Run(() => Assert.ThrowsAsync<LedgerException>(() => store.ReadChargesAsync([id], Cancel))).GuardAsync();
            await Task.Run(() => Assert.ThrowsAsync<LedgerException>(() => store.TakeDueAsync(["search"], Now, Now, 1, Cancel))).GuardAsync();
        }

        Assert.Single(await store.ReadChargesAsync([id], Cancel));
    }

    /// <summary>Another process may have all of the file locked before it is opened here. That is waited for once, too.</summary>
    [Fact]
    public async Task FileThatIsLockedForReadersToo_IsKnownToBeLocked()
    {
        await (await OpenLockableAsync()).DisposeAsync();
        await using var store = new SqliteLedgerStore(_folder.File("locked.db")) { BusyTimeout = TimeSpan.FromMilliseconds(50) };
        await using (await LockAsync("PRAGMA locking_mode = EXCLUSIVE; "))
        {
            var fault = await Assert.ThrowsAsync<LedgerException>(() => store.OpenAsync(Cancel));
            Assert.True(fault.IsLocked);

            // An attempt that waited again would not end.
            store.BusyTimeout = TimeSpan.FromDays(1);
            await Task.Run(() => Assert.ThrowsAsync<LedgerException>(() => store.OpenAsync(Cancel))).GuardAsync();
        }

        await store.OpenAsync(Cancel);
    }

    [Fact]
    public async Task JournalThatCannotBeFolded_TakesEntriesUpToItsMaximum()
    {
        await using var store = new SqliteLedgerStore(_folder.File("locked.db"))
        {
            BusyTimeout = TimeSpan.FromMilliseconds(50),
            CompactionInterval = TimeSpan.FromHours(1),
            MaxJournalSize = 100_000,
        };
        await store.OpenAsync(Cancel);
        var written = new List<Guid>();
        await using (await LockAsync())
        {
            LedgerException? failure = null;
            while (failure is null)
            {
                var id = NewId();
                try
                {
                    await store.ApplyAsync([Began(id)], Cancel);
                    written.Add(id);
                }
                catch (LedgerException exception)
                {
                    failure = exception;
                }
            }

            Assert.Contains("100000 bytes", failure.Message, StringComparison.Ordinal);
            Assert.InRange(JournalFile.Paths(_folder.File("locked.db")).Sum(path => new FileInfo(path).Length), 100_000, 101_000);
        }

        Assert.Equal(written.Count, (await store.ReadChargesAsync(written, Cancel)).Count);
        await store.ApplyAsync([Began(NewId())], Cancel);
    }

    [Fact]
    public async Task LockOfAKilledProcess_IsFree()
    {
        // A process that holds a node's lock as the gateway does, and is killed: it cannot clean up.
        await using var store = new SqliteLedgerStore(_folder.File("killed.db"));
        await store.OpenAsync(Cancel);
        var node = Guid.NewGuid();
        var lockFile = _folder.Write($"killed.db.node-{node:N}", "");
        using var holder = Process.Start(new ProcessStartInfo("flock", ["-x", lockFile, "sh", "-c", "echo held; exec cat"])
        {
            RedirectStandardOutput = true,
            RedirectStandardInput = true,
        })!;
        Assert.Equal("held", await holder.StandardOutput.ReadLineAsync(Cancel));
        var id = NewId();
        await store.ApplyAsync([Began(id)], Cancel);
        Assert.Single(await store.ReadChargesAsync([id], Cancel));
        await using (var connection = new SqliteConnection($"Data Source={_folder.File("killed.db")};Pooling=false"))
        {
            await connection.OpenAsync(Cancel);
            await using var command = connection.CreateCommand();
            command.CommandText = "UPDATE generations SET node = $node";
            command.Parameters.AddWithValue("$node", LedgerKeys.ToBytes(node));
            await command.ExecuteNonQueryAsync(Cancel);
        }

        Assert.Equal((0, 0), await store.AdoptOrphansAsync(Now, Cancel));
        Assert.True(File.Exists(lockFile));

        holder.Kill(entireProcessTree: true);
        await holder.WaitForExitAsync(Cancel);
        await Eventually.TrueAsync(
            async () => await store.AdoptOrphansAsync(Now, Cancel) == (0, 1),
            "the dead process's rows to be adopted");
        Assert.False(File.Exists(lockFile));
    }

    [Fact]
    public async Task Factory_MakesNoFile()
    {
        await using var store = LedgerStores.Create(new UsageSettings(), _folder.File("fresh"), null, TimeProvider.System);
        Assert.IsType<SqliteLedgerStore>(store);
        Assert.False(Directory.Exists(_folder.File("fresh")));
        await store.OpenAsync(Cancel);
        Assert.True(File.Exists(_folder.File("fresh/data/usage.db")));
    }

    [Fact]
    public async Task ClosedStore_LeavesOnlyTheDatabase()
    {
        await using (var store = new SqliteLedgerStore(_folder.File("only/usage.db")))
        {
            await store.OpenAsync(Cancel);
            await store.ApplyAsync([Began(NewId())], Cancel);
        }

        Assert.Equal(["usage.db"], Directory.GetFiles(_folder.File("only")).Select(Path.GetFileName));
    }

    protected override Task PrepareAsync() => Task.CompletedTask;

    protected override Task CleanUpAsync()
    {
        _folder.Dispose();
        return Task.CompletedTask;
    }

    protected override Task ForgetAsync()
    {
        _generation++;
        return Task.CompletedTask;
    }

    private protected override ILedgerStore Create() => new SqliteLedgerStore(Database) { BusyTimeout = HangGuard.Limit };

    private protected override async Task DieAsync(ILedgerStore store) => await store.DisposeAsync();

    protected override async Task<DbConnection> ConnectAsync()
    {
        var connection = new SqliteConnection($"Data Source={Database};Pooling=false");
        await connection.OpenAsync();
        return connection;
    }

    protected override object Key(Guid id) => LedgerKeys.ToBytes(id);

    private async Task<SqliteLedgerStore> OpenLockableAsync()
    {
        var store = new SqliteLedgerStore(_folder.File("locked.db"))
        {
            BusyTimeout = TimeSpan.FromMilliseconds(50),

            // The store's own compaction must not lock the file.
            CompactionInterval = TimeSpan.FromHours(1),
        };
        await store.OpenAsync(Cancel);
        return store;
    }

    /// <summary>Locks the file with a write transaction, which ends with its connection.</summary>
    private async Task<SqliteConnection> LockAsync(string before = "")
    {
        var other = new SqliteConnection($"Data Source={_folder.File("locked.db")};Pooling=false");
        await other.OpenAsync(Cancel);
        await using var begin = other.CreateCommand();
        begin.CommandText = before + "BEGIN IMMEDIATE";
        await begin.ExecuteNonQueryAsync(Cancel);
        return other;
    }
}
