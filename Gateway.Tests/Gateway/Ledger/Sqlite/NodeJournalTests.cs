using Gateway.Ledger;
using Gateway.Ledger.Sqlite;
using Gateway.Tests.Support;
using Xunit;
using static Gateway.Tests.Gateway.Ledger.LedgerSamples;

namespace Gateway.Tests.Gateway.Ledger.Sqlite;

/// <summary>The files of the journal: every whole entry is read once, in order, also from a damaged file.</summary>
public sealed class NodeJournalTests : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly Guid _node = Guid.NewGuid();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private string Database => _folder.File("usage.db");

    private string Path => Assert.Single(JournalFile.Paths(Database));

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void File_IsNamedAfterTheDatabaseAndTheNode()
    {
        using var journal = Create();
        journal.Append([Began(NewId())]);
        Assert.Equal(_folder.File($"usage.journal-{_node:N}-1"), Path);
        Assert.Equal([_node], JournalFile.Nodes(Database));
        Assert.Empty(JournalFile.Nodes(_folder.File("other.db")));
    }

    [Fact]
    public void File_CutAnywhere_HasTheEntriesBeforeTheCut()
    {
        var ends = new List<long> { 0 };
        using (var journal = Create())
        {
            for (var i = 0; i < 4; i++)
            {
                journal.Append([i == 2 ? Settled(NewId(), 7) : Began(NewId())]);
                ends.Add(new FileInfo(Path).Length);
            }
        }

        var whole = File.ReadAllBytes(Path);
        for (var length = 0; length <= whole.Length; length++)
        {
            File.WriteAllBytes(Path, whole[..length]);
            var (entries, torn) = ReadAll();
            Assert.Equal(ends.Count(end => end <= length) - 1, entries.Count);
            Assert.Equal(length - ends[entries.Count], torn);
        }
    }

    [Fact]
    public void DamagedByte_EndsTheFile()
    {
        using (var journal = Create())
        {
            journal.Append([Began(NewId()), Began(NewId())]);
        }

        var whole = File.ReadAllBytes(Path);
        var first = JournalRecord.HeadSize + JournalRecord.BlockLength(whole);
        for (var i = 0; i < whole.Length; i++)
        {
            var damaged = whole.ToArray();
            damaged[i] ^= 1;
            File.WriteAllBytes(Path, damaged);
            Assert.Equal(i < first ? 0 : 1, ReadAll().Entries.Count);
        }
    }

    [Fact]
    public void Size_IsThatOfTheFiles_UntilTheirEntriesAreInRows()
    {
        using var journal = Create();
        Assert.Equal(0, journal.Size);

        journal.Append([Began(NewId()), Began(NewId())]);
        Assert.Equal(new FileInfo(Path).Length, journal.Size);

        journal.SetFolded(2);
        Assert.Equal(0, journal.Size);
    }

    [Fact]
    public void TornEntry_DoesNotHideLaterFiles()
    {
        using (var journal = Create())
        {
            journal.Append([Began(NewId()), Began(NewId())]);
        }

        var file = Path;
        File.WriteAllBytes(file, File.ReadAllBytes(file)[..^3]);
        using (var later = JournalFile.Create(Database, _node, 2))
        {
            var writer = new JournalBlockWriter();
            writer.Write(_node, 2, Began(NewId()));
            RandomAccess.Write(later.Handle, writer.Written, 0);
        }

        Assert.Equal([1L, 2L], ReadAll().Entries);
    }

    [Fact]
    public void Reader_FollowsTheWriter_OverFiles()
    {
        using var journal = Create();
        var large = Began(NewId()) with { SentModel = new string('m', 200) };
        LedgerEntry[] entries = [.. Enumerable.Repeat(large, 1000)];
        long read = 0;
        for (var i = 0; i < 30; i++)
        {
            journal.Append(entries);
            while (journal.Reader.TryRead(long.MaxValue, out _))
            {
                Assert.Equal(++read, journal.Reader.Sequence);
            }

            Assert.Equal(journal.Sequence, read);
        }

        Assert.True(JournalFile.Paths(Database).Count() > 1);
        journal.SetFolded(journal.Sequence - 1);
        Assert.Single(JournalFile.Paths(Database));
        journal.SetFolded(journal.Sequence);
        Assert.Equal(0, new FileInfo(Path).Length);

        journal.Append(entries);
        while (journal.Reader.TryRead(long.MaxValue, out _))
        {
            read++;
        }

        Assert.Equal(journal.Sequence, read);
        journal.SetFolded(read);
        journal.Dispose();
        Assert.Empty(JournalFile.Paths(Database));
    }

    [Fact]
    public void FoldedEntries_LeaveRoomForOthers_ThoughSomeAreAlwaysLeft()
    {
        using var journal = new NodeJournal(Database, _node, 100_000);
        for (var i = 0; i < 5000; i++)
        {
            journal.Append([Began(NewId())]);
            journal.SetFolded(journal.Sequence - 1);
        }

        journal.Dispose();
        Assert.Single(JournalFile.Paths(Database));
    }

    [Fact]
    public void Reader_LeavesWhatIsNotWrittenYet()
    {
        using var journal = Create();
        journal.Append([Began(NewId()), Began(NewId())]);
        Assert.True(journal.Reader.TryRead(1, out _));
        Assert.False(journal.Reader.TryRead(1, out _));
        Assert.True(journal.Reader.TryRead(2, out _));
    }

    [Fact]
    public void FileThatIsWrittenAnewWhileAnotherReadsIt_IsReadFromItsBeginning()
    {
        using var journal = Create();
        for (var i = 0; i < 3; i++)
        {
            journal.Append([Began(NewId())]);
        }

        var file = Assert.Single(JournalFile.OpenAll(Database, _node));
        using (file)
        {
            var reader = new JournalReader(_node, number => file.Number > number ? file : null);
            while (reader.TryRead(long.MaxValue, out _))
            {
            }

            // Its node has folded them, too, and goes on with entries of the same length.
            journal.SetFolded(3);
            for (var i = 0; i < 6; i++)
            {
                journal.Append([Began(NewId())]);
            }

            var read = new List<long>();
            reader.Seek(3);
            while (reader.TryRead(long.MaxValue, out _))
            {
                read.Add(reader.Sequence);
            }

            Assert.Equal([4L, 5L, 6L, 7L, 8L, 9L], read);
        }
    }

    [Fact]
    public void EndedFile_IsFollowedByAnother()
    {
        using var journal = Create();
        journal.Append([Began(NewId())]);
        File.WriteAllBytes(Path, [1, 2, 3]);
        journal.EndFile();
        journal.Append([Began(NewId())]);
        Assert.Equal([2L], ReadAll().Entries);
    }

    [Fact]
    public void Seek_GoesBackAndForth()
    {
        using var journal = Create();
        journal.Append([Began(NewId()), Began(NewId()), Began(NewId())]);
        foreach (var sequence in (long[])[2, 0, 3, 1])
        {
            journal.Reader.Seek(sequence);
            Assert.Equal(sequence < 3, journal.Reader.TryRead(long.MaxValue, out _));
            Assert.Equal(Math.Min(3, sequence + 1), journal.Reader.Sequence);
        }
    }

    [Fact]
    public void FullDisk_FailsTheEntry_AndLeavesNoPartOfIt()
    {
        using var disk = new SmallDisk(256 * 1024);
        var database = disk.File("usage.db");
        using var journal = new NodeJournal(database, _node, long.MaxValue);
        journal.Append([Began(NewId())]);
        disk.Fill(leave: 8192);

        var written = 1;
        LedgerEntry[] large = [.. Enumerable.Range(0, 7).Select(_ => Began(NewId()) with { SentModel = new string('m', 200) })];
        Assert.Throws<IOException>(() =>
        {
            for (; written < 1_000_000; written += large.Length)
            {
                journal.Append(large);
            }
        });

        Assert.NotEqual(1, written);
        var (entries, torn) = ReadAll(database);
        Assert.Equal((written, 0), (entries.Count, torn));

        disk.Free();
        journal.Append(large);
        entries = ReadAll(database).Entries;
        Assert.Equal(written + large.Length, entries.Count);
        Assert.Equal(entries.Order(), entries);
    }

    [Fact]
    public async Task ManyThreads_AppendWholeEntries()
    {
        using var journal = Create();
        await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(
            () =>
            {
                for (var i = 0; i < 500; i++)
                {
                    journal.Append([Began(NewId()), Settled(NewId(), i)]);
                }
            },
            Cancel)));

        var (entries, torn) = ReadAll();
        Assert.Equal(Enumerable.Range(1, 4000).Select(number => (long)number), entries);
        Assert.Equal(0, torn);
    }

    [Fact]
    public void DeletedFile_IsReadByItsProcess()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows does not delete an open file.");
        using var journal = Create();
        journal.Append([Began(NewId())]);
        File.Delete(Path);
        journal.Append([Began(NewId())]);

        Assert.True(journal.Reader.TryRead(long.MaxValue, out _));
        Assert.True(journal.Reader.TryRead(long.MaxValue, out _));
        Assert.False(journal.Reader.TryRead(long.MaxValue, out _));
        journal.SetFolded(2);
        journal.Append([Began(NewId())]);
        Assert.True(journal.Reader.TryRead(long.MaxValue, out _));
        Assert.True(File.Exists(Path));
    }

    private NodeJournal Create() => new(Database, _node, long.MaxValue);

    // The entries that another process reads, and the number of bytes that it finds behind the last whole entry.
    private (List<long> Entries, long Torn) ReadAll(string? database = null)
    {
        var files = JournalFile.OpenAll(database ?? Database, _node);
        try
        {
            var reader = new JournalReader(_node, number => files.FirstOrDefault(file => file.Number > number));
            var entries = new List<long>();
            while (reader.TryRead(long.MaxValue, out _))
            {
                entries.Add(reader.Sequence);
            }

            return (entries, reader.Torn);
        }
        finally
        {
            foreach (var file in files)
            {
                file.Dispose();
            }
        }
    }
}
