using System.Buffers.Binary;
using System.Globalization;
using Gateway.Billing;
using Gateway.Ledger;
using Gateway.Ledger.Sqlite;
using Gateway.Primitives;
using Gateway.Tests.Gateway.Configuration;
using Gateway.Tests.Support;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Logging;
using Xunit;
using static Gateway.Tests.Gateway.Ledger.LedgerSamples;

namespace Gateway.Tests.Gateway.Ledger.Sqlite;

/// <summary>
/// An entry that was written is safe and seen before it is in its row, and its row becomes the same as if the entry had been applied at once.
/// </summary>
public sealed class SqliteJournalTests : IDisposable
{
    private readonly TempFolder _folder = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private string Database => _folder.File("usage.db");

    private string Left => _folder.File("left.db");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task KilledProcess_LeavesItsEntries_ToTheNext()
    {
        var (named, unnamed, settled) = (NewId(), NewId(), NewId());
        await using (var store = await OpenAsync(Database, isCompacting: false))
        {
            await store.ApplyAsync([Began(named), new LedgerEntry.Named(named, "gen-1763871234-a")], Cancel);
            await store.ApplyAsync([Began(unnamed)], Cancel);
            await store.ApplyAsync([Began(settled), Settled(settled, 7)], Cancel);

            Leave();
        }

        Assert.Equal(0, await CountAsync(Left, "generations"));
        await using var next = await OpenAsync(Left);
        Assert.Equal(3, await CountAsync(Left, "generations"));
        Assert.Equal((1, 1), await next.AdoptOrphansAsync(Now, Cancel));
        Assert.Empty(Journals(Left));
        Assert.Equal(0, await CountAsync(Left, "journal_folded"));
        Assert.Equal(7, (await next.ReadChargesAsync([settled], Cancel))[settled].Charge.Value);
        Assert.Equal(named, Assert.Single(await next.TakeDueAsync(["search", "other"], Now, Now.AddMinutes(1), 10, Cancel)).Id);
    }

    [Fact]
    public async Task EntryCutAnywhere_IsLeftOut_AndOthersAreNot()
    {
        var (first, last) = (NewId(), NewId());
        long whole;
        await using (var store = await OpenAsync(Database, isCompacting: false))
        {
            await store.ApplyAsync([Began(first)], Cancel);
            whole = new FileInfo(Assert.Single(Journals(Database))).Length;
            await store.ApplyAsync([Began(last)], Cancel);
            Leave();
        }

        var journal = Assert.Single(Journals(Left));
        var bytes = await File.ReadAllBytesAsync(journal, Cancel);
        var (database, log) = (await File.ReadAllBytesAsync(Left, Cancel), await File.ReadAllBytesAsync(Left + "-wal", Cancel));

        // Each byte of the head, and every seventh of the block.
        for (var length = (int)whole; length <= bytes.Length; length += length < whole + JournalRecord.HeadSize ? 1 : 7)
        {
            await File.WriteAllBytesAsync(Left, database, Cancel);
            await File.WriteAllBytesAsync(Left + "-wal", log, Cancel);
            await File.WriteAllBytesAsync(journal, bytes[..length], Cancel);
            var logger = new ListLogger<SqliteLedgerStore>();
            await using var next = new SqliteLedgerStore(Left, logger);
            await next.OpenAsync(Cancel);
            Assert.Equal((0, length < bytes.Length ? 1 : 2), await next.AdoptOrphansAsync(Now, Cancel));
            Assert.Equal(length < bytes.Length && length > whole ? 1 : 0, logger.At(LogLevel.Warning).Length);
            Assert.Empty(Journals(Left));
        }
    }

    [Fact]
    public async Task KilledProcess_IsFoldedByOneThatLives()
    {
        var id = NewId();
        await using (var store = await OpenAsync(Database, isCompacting: false))
        {
            await store.ApplyAsync([Began(id), Settled(id, 7)], Cancel);
            Leave();
        }

        var journal = Assert.Single(Journals(Left));
        File.Move(journal, _folder.File("aside"));
        await using var living = await OpenAsync(Left);
        await living.ApplyAsync([Began(NewId())], Cancel);
        File.Move(_folder.File("aside"), journal);

        await living.AdoptOrphansAsync(Now, Cancel);
        Assert.False(File.Exists(journal));
        Assert.Equal(7, (await living.ReadChargesAsync([id], Cancel))[id].Charge.Value);
    }

    [Fact]
    public async Task EntriesOfALivingProcess_AreFoldedOnce_WhoeverFoldsThem()
    {
        await using var one = await OpenAsync(Database, isCompacting: false);
        await using var other = await OpenAsync(Database, isCompacting: false);
        var id = NewId();
        await one.ApplyAsync([Began(id, reserved: 9)], Cancel);
        Assert.Equal(9, (await other.ReadChargesAsync([id], Cancel))[id].Charge.Value);
        Assert.Single(Journals(Database));
        await using (var connection = await ConnectAsync(Database))
        {
            // An entry that was folded again would make the row again.
            await using var command = connection.CreateCommand();
            command.CommandText = "DELETE FROM generations";
            Assert.Equal(1, await command.ExecuteNonQueryAsync(Cancel));
        }

        Assert.Empty(await one.ReadChargesAsync([id], Cancel));
        Assert.Equal(0, new FileInfo(Assert.Single(Journals(Database))).Length);
    }

    [Fact]
    public async Task FoldingThatDiesInItsMiddle_IsRepeatedAsAWhole()
    {
        await using (await OpenAsync(Database))
        {
            // A trigger needs the table.
        }

        await using var store = new SqliteLedgerStore(Database)
        {
            CompactionInterval = TimeSpan.FromHours(1),
            Tuning =
                """
                CREATE TEMP TRIGGER dies BEFORE INSERT ON main.generations WHEN (SELECT COUNT(*) FROM main.generations) >= 3
                BEGIN SELECT RAISE(ABORT, 'the disk is gone'); END;
                """,
        };
        await store.OpenAsync(Cancel);
        Guid[] ids = [.. Enumerable.Range(0, 5).Select(_ => NewId())];
        await store.ApplyAsync([.. ids.Select(id => Began(id))], Cancel);

        var failure = await Assert.ThrowsAsync<LedgerException>(() => store.MarkCountedAsync([], Cancel));
        Assert.Contains("the disk is gone", failure.Message, StringComparison.Ordinal);
        Assert.Equal(0, await CountAsync(Database, "generations"));

        store.Tuning = "";
        await store.MarkCountedAsync([], Cancel);
        Assert.Equal(5, await CountAsync(Database, "generations"));
    }

    [Fact]
    public async Task JournalThatAnotherProgramEmptied_IsTold_AndTakesLaterEntries()
    {
        var logger = new ListLogger<SqliteLedgerStore>();
        await using var store = new SqliteLedgerStore(Database, logger) { CompactionInterval = TimeSpan.FromHours(1) };
        await store.OpenAsync(Cancel);
        await store.ApplyAsync([Began(NewId())], Cancel);
        await File.WriteAllBytesAsync(Assert.Single(Journals(Database)), [], Cancel);
        await store.MarkCountedAsync([], Cancel);
        Assert.Single(logger.At(LogLevel.Error));

        // Not only once the journal is idle: entries arrive before those that were lost are given up.
        var id = NewId();
        await store.ApplyAsync([Began(id)], Cancel);
        Assert.Single(await store.ReadChargesAsync([id], Cancel));
        Assert.Single(logger.At(LogLevel.Error));
    }

    [Fact]
    public async Task QueryThatFindsAnotherFile_FoldsNothingIntoIt()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Replaced files are noticed on Linux.");
        await using (await OpenAsync(_folder.File("backup.db")))
        {
            // An empty ledger.
        }

        await using var store = await OpenAsync(Database);
        var id = NewId();
        await store.ApplyAsync([Began(id)], Cancel);
        await store.ReadChargesAsync([id], Cancel);
        await store.ApplyAsync([Settled(id, 7)], Cancel);
        File.Move(_folder.File("backup.db"), Database, overwrite: true);
        await store.ReadChargesAsync([id], Cancel);

        var kept = Database + ".replaced-1";
        await Eventually.TrueAsync(() => File.Exists(kept), "the kept content");
        await using var old = await OpenAsync(kept);
        Assert.Equal(7, (await old.ReadChargesAsync([id], Cancel))[id].Charge.Value);
    }

    [Fact]
    public async Task WriteThatWaitsForTheDisk_IsARowAsWell()
    {
        await using (var store = new SqliteLedgerStore(Database) { WaitsForDisk = true })
        {
            await store.OpenAsync(Cancel);
            Assert.False(store.IsPrompt);
            await store.ApplyAsync([Began(NewId())], Cancel);
        }

        Assert.Equal(1, await CountAsync(Database, "generations"));
    }

    [Fact]
    public async Task ClosedStore_LeavesNoJournal()
    {
        await using (var store = await OpenAsync(Database, isCompacting: false))
        {
            await store.ApplyAsync([Began(NewId())], Cancel);
            Assert.Single(Journals(Database));
        }

        Assert.Empty(Journals(Database));
        Assert.Equal(0, await CountAsync(Database, "journal_folded"));
        Assert.Equal(1, await CountAsync(Database, "generations"));
    }

    [Fact]
    public async Task OtherReaders_SeeRowsSoon()
    {
        await using var store = await OpenAsync(Database);
        for (var i = 1; i <= 3; i++)
        {
            await store.ApplyAsync([Began(NewId())], Cancel);
            await Eventually.TrueAsync(async () => await CountAsync(Database, "generations") == i, "the row");
            await Eventually.TrueAsync(() => new FileInfo(Assert.Single(Journals(Database))).Length == 0, "the journal to be emptied");
        }
    }

    [Fact]
    public async Task EveryQuestion_SeesWhatWasWritten()
    {
        var at = Now;
        await using var store = await OpenAsync(Database, isCompacting: false);

        var id = await BeginAsync();
        Assert.Equal(1000, (await store.ReadChargesAsync([id], Cancel))[id].Charge.Value);
        id = await BeginAsync();
        Assert.Contains(id, (await store.ReadChargesAsync("search", null, DateTimeOffset.MinValue, DateTimeOffset.MaxValue, DateTimeOffset.MinValue, Cancel)).Open.Keys);
        await BeginAsync();
        Assert.Equal(3, (await store.ReadUsageAsync(new UsageSelection(), Cancel)).Single().Requests);
        await store.ApplyAsync([new LedgerEntry.Named(id, "gen-1763871234-b")], Cancel);
        Assert.True(await store.HasGenerationAsync("search", "gen-1763871234-b", Cancel));
        await store.ApplyAsync([Settled(id, 5) with { IsCounted = false }], Cancel);
        Assert.Equal(id, Assert.Single(await store.ReadUncountedAsync(10, Cancel)).Id);
        id = await BeginAsync();
        await store.ApplyAsync([Settled(id, 5) with { IsCounted = false }], Cancel);
        await store.MarkCountedAsync([id], Cancel);
        Assert.DoesNotContain(id, (await store.ReadUncountedAsync(10, Cancel)).Select(row => row.Id));
        id = await BeginAsync();
        await store.ApplyAsync([Provisional(id)], Cancel);
        Assert.Equal(id, Assert.Single(await store.TakeDueAsync(["search", "other"], Now, Now.AddMinutes(1), 10, Cancel)).Id);
        at = Now.AddDays(-10);
        id = await BeginAsync();
        await store.ApplyAsync([Settled(id, 5)], Cancel);
        Assert.Equal(1, await store.RemoveBeforeAsync(Now.AddDays(-5), Now, Cancel));

        async Task<Guid> BeginAsync()
        {
            var begun = NewId(at);
            await store.ApplyAsync([Began(begun, at: at)], Cancel);
            Assert.Single(Journals(Database));
            return begun;
        }
    }

    [Theory]
    [InlineData(1001)]
    [InlineData(777_777)]
    [InlineData(0x5EED_5EED)]
    public async Task ManyEntriesAtOnce_MakeTheRows_ThatTheyMakeOneByOne(ulong seed)
    {
        var random = new Prng(seed);
        Guid[] ids = [.. Enumerable.Range(0, 120).Select(_ => NewId())];
        LedgerEntry[] entries = [.. Enumerable.Range(0, 900).Select(_ => Any(random, ids[Below(random, ids.Length)]))];
        await using var atOnce = await OpenAsync(_folder.File("at-once.db"), isCompacting: false);
        await using var oneByOne = await OpenAsync(_folder.File("one-by-one.db"), isCompacting: false);
        var taken = 0;
        while (taken < entries.Length)
        {
            var group = entries.Skip(taken).Take(1 + Below(random, 5)).ToArray();
            taken += group.Length;
            await atOnce.ApplyAsync(group, Cancel);
            foreach (var entry in group)
            {
                await oneByOne.ApplyAsync([entry], Cancel);
                await oneByOne.ReadChargesAsync([entry.Id], Cancel);
            }
        }

        Assert.Single(Journals(_folder.File("at-once.db")));
        await atOnce.ReadChargesAsync(ids, Cancel);
        var rows = await RowsAsync(_folder.File("one-by-one.db"));
        Assert.InRange(rows.Count, 80, 120);
        Assert.Equal(rows, await RowsAsync(_folder.File("at-once.db")));
    }

    [Fact]
    public async Task EntryOfAnotherVersion_IsTold_AndKept()
    {
        await using var store = await OpenAsync(Database, isCompacting: false);
        var id = NewId();
        var block = Block(Began(id));
        await AddToTableAsync([JournalBlockWriter.Format + 1, .. block[1..]]);

        var failure = await Assert.ThrowsAsync<LedgerException>(() => store.ReadChargesAsync([id], Cancel));
        Assert.Contains($"entries of format {JournalBlockWriter.Format + 1}", failure.Message, StringComparison.Ordinal);
        failure = await Assert.ThrowsAsync<LedgerException>(() => OpenAsync(Database));
        Assert.Contains("another version of the gateway", failure.Message, StringComparison.Ordinal);

        await AddToTableAsync(block, "UPDATE journal SET entries = $entries");
        Assert.Single(await store.ReadChargesAsync([id], Cancel));
    }

    [Theory]
    [InlineData(0, new byte[0], "cannot be read")]
    [InlineData(1, new byte[0], "cannot be read")]
    [InlineData(60, new byte[0], "cannot be read")]
    [InlineData(1000, new byte[] { 9 }, "kind 9")]
    [InlineData(1000, new byte[] { 1 }, "cannot be read")]
    public async Task BrokenEntry_IsTold(int kept, byte[] added, string said)
    {
        await using var store = await OpenAsync(Database, isCompacting: false);
        await AddToTableAsync([.. Block(Began(NewId())).Take(kept), .. added]);
        var failure = await Assert.ThrowsAsync<LedgerException>(() => store.TakeDueAsync(["search", "other"], Now, Now, 1, Cancel));
        Assert.Contains(said, failure.Message, StringComparison.Ordinal);
        Assert.Equal(1, await CountAsync(Database, "journal"));
    }

    [Fact]
    public async Task TwoProcesses_WriteAndReadOneFile()
    {
        // As far as SQLite is concerned two stores are two processes: connections of their own, and nothing shared.
        await using var one = await OpenAsync(Database);
        await using var other = await OpenAsync(Database);
        var written = await Task.WhenAll(new[] { (one, other), (other, one), (one, other), (other, one) }.Select(pair => Task.Run(
            async () =>
            {
                var ids = new List<Guid>();
                for (var i = 0; i < 150; i++)
                {
                    var id = NewId();
                    ids.Add(id);
                    await pair.Item1.ApplyAsync([Began(id)], Cancel);
                    if (i % 10 == 0)
                    {
                        Assert.Single(await pair.Item2.ReadChargesAsync([id], Cancel));
                    }

                    await pair.Item1.ApplyAsync([Settled(id, i)], Cancel);
                }

                return ids;
            },
            Cancel)));
        foreach (var ids in written)
        {
            var rows = await other.ReadChargesAsync(ids, Cancel);
            Assert.Equal(Enumerable.Range(0, 150).Select(cost => (Int128)cost), ids.Select(id => rows[id].Charge.Value));
        }
    }

    [Theory]
    [InlineData(1, 1, 2, 10)]
    [InlineData(2, 1, 1, 9)]
    [InlineData(3, 1, 1, 3)]
    public async Task EntriesOfAnEarlierFormat_AreFolded(byte format, int missingOfBegan, int missingOfNamed, int missingOfEnded)
    {
        var (named, settled) = (NewId(), NewId());
        await using var store = await OpenAsync(Database, isCompacting: false);

        // Earlier formats end their entries before values that are null here: one zero byte each.
        await AddToTableAsync(
        [
            format,
            .. new byte[LedgerKeys.Size],
            .. Written(Began(named))[..^missingOfBegan],
            .. Written(new LedgerEntry.Named(named, "gen-1763871234-a"))[..^missingOfNamed],
            .. Written(Provisional(named))[..^missingOfEnded],
            .. Written(Began(settled))[..^missingOfBegan],
            .. Written(Settled(settled, 7) with { GenerationId = "gen-1763871234-b" })[..^missingOfEnded],
        ]);

        Assert.Equal(7, (await store.ReadChargesAsync([settled], Cancel))[settled].Charge.Value);
        Assert.True(await store.HasGenerationAsync("search", "gen-1763871234-b", Cancel));
        var due = Assert.Single(await store.TakeDueAsync(["search", "other"], Now, Now.AddMinutes(1), 10, Cancel));
        Assert.Equal((named, "gen-1763871234-a", null), (due.Id, due.GenerationId, due.Destination));

        static byte[] Written(LedgerEntry entry) => Block(entry)[(1 + LedgerKeys.Size)..];
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    [InlineData(6)]
    [InlineData(7)]
    public async Task DatabaseOfAnEarlierVersion_IsBroughtUpToDate(int version)
    {
        var id = NewId();
        await using (var connection = await ConnectAsync(Database))
        {
            await using var command = connection.CreateCommand();
            var later = LedgerSchema.Upgrade(version.ToString(CultureInfo.InvariantCulture), isSqlite: true).Count();
            foreach (var statement in LedgerSchema.Upgrade(null, isSqlite: true).SkipLast(later).Prepend(LedgerSchema.CreateMeta))
            {
                command.CommandText = statement;
                await command.ExecuteNonQueryAsync(Cancel);
            }

            command.CommandText =
                """
                INSERT INTO meta VALUES ('schema_version', $version), ('ledger_id', '0123456789abcdef0123456789abcdef');
                INSERT INTO generations (
                    id, started_at, node, team, key_label, settings_version, endpoint, streams, reserved_pico, state, is_counted)
                VALUES ($id, 1773500966535, randomblob(16), 'search', 'ci', '1a2b3c4d', '/chat/completions', 0, 77, 0, 1);
                """;
            command.Parameters.AddWithValue("$id", LedgerKeys.ToBytes(id));
            command.Parameters.AddWithValue("$version", version.ToString(CultureInfo.InvariantCulture));
            await command.ExecuteNonQueryAsync(Cancel);
        }

        await using var store = await OpenAsync(Database);
        Assert.Equal("0123456789abcdef0123456789abcdef", store.LedgerId);
        await store.ApplyAsync([new LedgerEntry.Named(id, "gen-1763871234-a", "eu"), Provisional(id)], Cancel);
        Assert.Equal("eu", Assert.Single(await store.TakeDueAsync(["search", "other"], Now, Now.AddMinutes(1), 10, Cancel)).Destination);
        await store.ApplyAsync([Settled(id, 5)], Cancel);
        Assert.Equal(5, (await store.ReadChargesAsync([id], Cancel))[id].Charge.Value);
    }

    [Fact]
    public async Task Log_BeginsAnew_WhileThereAreAlwaysWriters()
    {
        await using var store = await OpenAsync(Database);
        await store.ApplyAsync([Long()], Cancel);
        await Eventually.TrueAsync(() => new FileInfo(Assert.Single(Journals(Database))).Length == 0, "the first transaction");
        var first = await LogNumberAsync();
        for (var i = 1; i < 100_000; i++)
        {
            await store.ApplyAsync([.. Enumerable.Range(0, 20).Select(_ => Long())], Cancel);
            if (i % 20 == 0)
            {
                if (await LogNumberAsync() >= first + 2)
                {
                    return;
                }

                // There is always a journal to fold, but the store has no more of them to fold at the end of the test.
                await Eventually.TrueAsync(() => Journals(Database).Length <= 2, "a journal to be folded");
            }
        }

        Assert.Fail("It only grew");

        // Rows of a page each: the log grows with few of them.
        static LedgerEntry Long() => Began(NewId()) with { SentModel = new string('m', 4_000) };

        // SQLite counts in the log's head how often it began.
        async Task<uint> LogNumberAsync()
        {
            var head = new byte[16];
            await using var log = new FileStream(Database + "-wal", FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
            await log.ReadExactlyAsync(head, Cancel);
            return BinaryPrimitives.ReadUInt32BigEndian(head.AsSpan(12));
        }
    }

    private static LedgerEntry Any(Prng random, Guid id) => Below(random, 10) switch
    {
        < 4 => Began(id, reserved: Below(random, 1000)) with
        {
            Rule = Coin(random) ? null : "",
            AskedModel = Coin(random) ? null : "größer/modell-" + Below(random, 10),
            SentModel = Coin(random) ? null : new string('m', Below(random, 300)),
            Streams = Coin(random),
            IsCounted = Coin(random),
            RequestId = Coin(random) ? null : "r" + Below(random, 10),
        },
        < 6 => new LedgerEntry.Named(
            id, "gen-" + Below(random, 100), Coin(random) ? null : "d" + Below(random, 10), Coin(random) ? null : "k" + Below(random, 10)),
        _ => new LedgerEntry.Ended(id)
        {
            GenerationId = Coin(random) ? null : "gen-" + Below(random, 100),
            Destination = Coin(random) ? null : "d" + Below(random, 10),
            State = (GenerationState)(1 + Below(random, 3)),
            End = Coin(random) ? null : "Completed",
            Status = Coin(random) ? null : 200 + Below(random, 400),
            AnsweredModel = Coin(random) ? null : "m",
            Provider = Coin(random) ? null : "p" + Below(random, 10),
            UpstreamKey = Coin(random) ? null : "k" + Below(random, 10),
            Region = Coin(random) ? null : "r" + Below(random, 10),
            ServiceTier = Coin(random) ? null : "t" + Below(random, 10),
            FinishReason = Coin(random) ? null : "stop",
            Usage = Coin(random)
                ? null
                : new Usage
                {
                    PromptTokens = Coin(random) ? null : Below(random, int.MaxValue),
                    CompletionTokens = Coin(random) ? null : (long)random.Next(),
                    CachedTokens = Coin(random) ? null : 0,
                    ReasoningTokens = Coin(random) ? null : 255,
                    Cost = Coin(random) ? null : new PicoDollars((long)(random.Next() >> 1)),
                    Discount = Coin(random) ? null : new PicoDollars((long)random.Next()),
                },
            TimeToFirstToken = Coin(random) ? null : TimeSpan.FromMicroseconds(Below(random, 1_000_000)),
            EndedAt = Coin(random) ? null : Now.AddSeconds(Below(random, 100)),
            ClosedAt = Coin(random) ? null : Now.AddSeconds(Below(random, 100)),
            Asked = Coin(random) ? null : Below(random, 10),
            AskAt = Coin(random) ? null : Now.AddSeconds(Below(random, 100)),
            IsCounted = Coin(random),
        },
    };

    private static int Below(Prng random, int bound) => (int)((random.Next() >> 8) % (ulong)bound);

    private static bool Coin(Prng random) => Below(random, 2) == 0;

    private static async Task<SqliteLedgerStore> OpenAsync(string path, bool isCompacting = true)
    {
        var store = new SqliteLedgerStore(path)
        {
            BusyTimeout = HangGuard.Limit,
            CompactionInterval = isCompacting ? TimeSpan.FromMilliseconds(200) : TimeSpan.FromHours(1),
        };
        try
        {
            await store.OpenAsync(Cancel);
            return store;
        }
        catch
        {
            await store.DisposeAsync();
            throw;
        }
    }

    private static async Task<SqliteConnection> ConnectAsync(string path)
    {
        var connection = new SqliteConnection($"Data Source={path};Pooling=false");
        await connection.OpenAsync(Cancel);
        return connection;
    }

    private static async Task<long> CountAsync(string path, string table)
    {
        await using var connection = await ConnectAsync(path);
        await using var command = connection.CreateCommand();
        command.CommandText = $"SELECT COUNT(*) FROM {table}";
        return (long)(await command.ExecuteScalarAsync(Cancel))!;
    }

    // All columns but the node, which is the store's own.
    private static async Task<List<string>> RowsAsync(string path)
    {
        await using var connection = await ConnectAsync(path);
        await using var command = connection.CreateCommand();
        command.CommandText = "SELECT * FROM generations ORDER BY id";
        await using var reader = await command.ExecuteReaderAsync(Cancel);
        var rows = new List<string>();
        while (await reader.ReadAsync(Cancel))
        {
            rows.Add(string.Join('|', Enumerable.Range(0, reader.FieldCount)
                .Where(column => reader.GetName(column) != "node")
                .Select(column => reader.GetValue(column) switch
                {
                    byte[] bytes => Convert.ToHexString(bytes),
                    DBNull => "null",
                    var value => Convert.ToString(value, CultureInfo.InvariantCulture),
                })));
        }

        return rows;
    }

    private static byte[] Block(LedgerEntry entry)
    {
        var writer = new JournalBlockWriter();
        writer.Write(Guid.Empty, 1, entry);
        return writer.Written[JournalRecord.HeadSize..].ToArray();
    }

    private static string[] Journals(string database) => [.. JournalFile.Paths(database)];

    // Writes as an earlier version of the gateway does, which has the file open.
    private async Task AddToTableAsync(byte[] entries, string sql = "INSERT INTO journal (entries) VALUES ($entries)")
    {
        await using var connection = await ConnectAsync(Database);
        await using var command = connection.CreateCommand();
        command.CommandText = sql;
        command.Parameters.AddWithValue("$entries", entries);
        Assert.Equal(1, await command.ExecuteNonQueryAsync(Cancel));
    }

    // The files as the death of the process leaves them: they have all that was written, and no code cleans up.
    private void Leave()
    {
        foreach (var journal in Journals(Database))
        {
            File.Copy(journal, JournalFile.PathBeside(journal, Database, Left));
        }

        File.Copy(Database, Left);
        File.Copy(Database + "-wal", Left + "-wal");
    }
}
