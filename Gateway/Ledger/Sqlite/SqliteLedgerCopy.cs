using Gateway.Primitives;
using Microsoft.Data.Sqlite;

namespace Gateway.Ledger.Sqlite;

/// <summary>
/// A private copy of a ledger that may not be written, such as a backup. Reading a ledger takes writes: entries are folded from the journals
/// into their rows, and an earlier schema is upgraded. They happen in the copy.
/// </summary>
internal sealed class SqliteLedgerCopy : IDisposable
{
    private const string Name = "usage.db";
    private const string Log = "-wal";
    private const string Index = "-shm";

    private readonly DirectoryInfo _folder;

    private SqliteLedgerCopy(DirectoryInfo folder)
    {
        _folder = folder;
    }

    /// <summary>The file of the copy.</summary>
    public string Path => System.IO.Path.Combine(_folder.FullName, Name);

    /// <summary>Copies a ledger that may not be written.</summary>
    /// <param name="path">The full path of the ledger, which exists.</param>
    /// <returns>The copy; <see langword="null"/> if the ledger may be written.</returns>
    /// <exception cref="LedgerException">The ledger cannot be copied.</exception>
    public static SqliteLedgerCopy? OfReadOnly(string path)
    {
        if (MayWrite(path))
        {
            return null;
        }

        SqliteLedgerCopy? copy = null;
        try
        {
            copy = new SqliteLedgerCopy(Directory.CreateTempSubdirectory("gateway-usage-"));
            copy.Take(path);
            return copy;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or SqliteException)
        {
            copy?.Dispose();
            throw new LedgerException($"The ledger {path} cannot be copied to {System.IO.Path.GetTempPath()}: {exception.Message}", exception);
        }
    }

    public void Dispose()
    {
        try
        {
            _folder.Delete(recursive: true);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // The copy stays in the folder of temporary files, readable by its owner only.
        }
    }

    /// <summary>
    /// Whether this process may write the file and its folder, which gets SQLite's own files. A file or folder without any write permission
    /// counts as read-only even for a user who may write everything.
    /// </summary>
    private static bool MayWrite(string path)
    {
        const UnixFileMode AnyWrite = UnixFileMode.UserWrite | UnixFileMode.GroupWrite | UnixFileMode.OtherWrite;
        var folder = System.IO.Path.GetDirectoryName(path)!;
        if (!OperatingSystem.IsWindows()
            && ((File.GetUnixFileMode(path) & AnyWrite) == 0 || (File.GetUnixFileMode(folder) & AnyWrite) == 0))
        {
            return false;
        }

        // The file is not opened for a try: to close it again would drop the locks of SQLite in this process.
        if (new FileInfo(path).IsReadOnly)
        {
            return false;
        }

        try
        {
            var probe = System.IO.Path.Combine(folder, $".{Guid.NewGuid():N}");
            File.OpenHandle(probe, FileMode.CreateNew, FileAccess.Write, FileShare.None, FileOptions.DeleteOnClose).Dispose();
            return true;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    private void Take(string path)
    {
        // Before the database: an entry that is folded meanwhile is in both, and counts once.
        foreach (var journal in JournalFile.Paths(path))
        {
            try
            {
                CopyFile(journal, JournalFile.PathBeside(journal, path, Path));
            }
            catch (FileNotFoundException)
            {
                // Its entries are in the database by now.
            }
        }

        PrivateFile.EnsureExists(Path);
        if (File.Exists(path + Index))
        {
            // Another process may have the ledger open. SQLite reads a consistent state beside it.
            using var source = Open(path, SqliteOpenMode.ReadOnly);
            using var target = Open(Path, SqliteOpenMode.ReadWrite);
            source.BackupDatabase(target);
            return;
        }

        CopyFile(path, Path);
        if (File.Exists(path + Log))
        {
            CopyFile(path + Log, Path + Log);
        }
    }

    private static void CopyFile(string from, string to)
    {
        // Not File.Copy, which copies the missing permission to write.
        using var source = new FileStream(from, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        PrivateFile.EnsureExists(to);
        using var target = new FileStream(to, FileMode.Open, FileAccess.Write);
        source.CopyTo(target);
    }

    private static SqliteConnection Open(string path, SqliteOpenMode mode)
    {
        var connection = new SqliteConnection(
            new SqliteConnectionStringBuilder { DataSource = path, Mode = mode, Pooling = false }.ToString());
        connection.Open();
        return connection;
    }
}
