using Gateway.Primitives;

namespace Gateway.Ledger.Sqlite;

/// <summary>
/// Registers this process as alive with other processes on the same database: an exclusive lock on its own file beside the database. The
/// kernel releases the lock when the process ends in any way.
/// </summary>
internal sealed class SqliteNode : IDisposable
{
    private const string Infix = ".node-";

    private readonly FileStream _lock;

    private SqliteNode(Guid id, FileStream held)
    {
        Id = id;
        _lock = held;
    }

    /// <summary>The id of this process in the rows that it creates.</summary>
    public Guid Id { get; }

    /// <summary>Creates a node and takes its lock.</summary>
    public static SqliteNode Create(string database)
    {
        // A second attempt is needed only if another node removes the file between its creation and the lock.
        for (var attempt = 0; attempt < 10; attempt++)
        {
            var id = Guid.NewGuid();
            var path = PathOf(database, id);
            if (Take(path, FileMode.CreateNew) is { } held)
            {
                if (File.Exists(path))
                {
                    return new SqliteNode(id, held);
                }

                held.Dispose();
            }
        }

        throw new LedgerException($"No lock file can be created beside {database}");
    }

    /// <summary>The nodes with a lock file beside the database, alive or dead.</summary>
    public static IEnumerable<Guid> WithFile(string database)
    {
        var name = Path.GetFileName(database) + Infix;
        foreach (var path in Directory.EnumerateFiles(Path.GetDirectoryName(Path.GetFullPath(database))!, name + "*"))
        {
            if (Guid.TryParseExact(Path.GetFileName(path.AsSpan())[name.Length..], "N", out var id))
            {
                yield return id;
            }
        }
    }

    /// <summary>
    /// Takes the lock of a dead node; disposing the result removes the file. Returns <see langword="null"/> if the node is alive, or if
    /// another process has the lock.
    /// </summary>
    public static IDisposable? TakeDead(string database, Guid id)
    {
        var path = PathOf(database, id);
        return !File.Exists(path) ? Nothing.Instance : Take(path, FileMode.Open) is { } held ? new SqliteNode(id, held) : null;
    }

    public void Dispose()
    {
        // The file is removed while it is locked, so no process locks a file that is about to be removed.
        try
        {
            File.Delete(_lock.Name);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // The file remains as that of a dead node, and the next process removes it.
        }

        _lock.Dispose();
    }

    private static string PathOf(string database, Guid id) => $"{database}{Infix}{id:N}";

    private static FileStream? Take(string path, FileMode mode)
    {
        try
        {
            return PrivateFile.Open(path, mode, FileShare.None);
        }
        catch (FileNotFoundException)
        {
            return null;
        }
        catch (IOException exception) when (exception is not DirectoryNotFoundException && mode == FileMode.Open)
        {
            // Another process holds the lock.
            return null;
        }
        catch (UnauthorizedAccessException) when (mode == FileMode.Open)
        {
            // The file belongs to another user.
            return null;
        }
    }

    private sealed class Nothing : IDisposable
    {
        public static Nothing Instance { get; } = new();

        public void Dispose()
        {
        }
    }
}
