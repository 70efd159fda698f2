namespace Gateway.Ledger.Sqlite;

/// <summary>
/// Registers this process as alive with other processes on the same database: an exclusive lock on a file of its own beside the database.
/// The kernel releases it when the process ends, in whatever way.
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

    /// <summary>Identifies the process in the rows that it begins.</summary>
    public Guid Id { get; }

    /// <summary>Creates a node and takes its lock.</summary>
    public static SqliteNode Create(string database)
    {
        // A second attempt is needed only if another node removes the file between its creation and its locking.
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

        throw new LedgerException($"No lock can be had beside {database}");
    }

    /// <summary>The nodes that have a file beside the database, alive or not.</summary>
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
    /// Takes the lock of a dead node; disposing the result removes its file. <see langword="null"/> if the node is alive, or another
    /// process has taken it.
    /// </summary>
    public static IDisposable? TakeDead(string database, Guid id)
    {
        var path = PathOf(database, id);
        return !File.Exists(path) ? Nothing.Instance : Take(path, FileMode.Open) is { } held ? new SqliteNode(id, held) : null;
    }

    public void Dispose()
    {
        // Removed while locked, so that no process locks a file that is about to be removed.
        try
        {
            File.Delete(_lock.Name);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // It is left as the file of a dead node, and removed by the next one.
        }

        _lock.Dispose();
    }

    private static string PathOf(string database, Guid id) => $"{database}{Infix}{id:N}";

    private static FileStream? Take(string path, FileMode mode)
    {
        try
        {
            return new FileStream(path, mode, FileAccess.ReadWrite, FileShare.None, bufferSize: 0);
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
            // Owned by another user.
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
