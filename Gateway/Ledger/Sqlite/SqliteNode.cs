using Gateway.Primitives;

namespace Gateway.Ledger.Sqlite;

/// <summary>
/// Registers this process as alive with other processes on the same database: an exclusive lock on its own file beside the database. The
/// kernel releases the lock when the process ends in any way.
/// </summary>
internal sealed class SqliteNode : IDisposable
{
    private const string Infix = ".node-";
    private const int MaxAttempts = 10;

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
        // A second attempt is needed only if another node locks or removes the file between its creation and the lock.
        for (var attempt = 0; attempt < MaxAttempts; attempt++)
        {
            var id = Guid.NewGuid();
            var path = PathOf(database, id);
            try
            {
                var held = PrivateFile.Open(path, FileMode.CreateNew, FileShare.None);
                if (File.Exists(path))
                {
                    return new SqliteNode(id, held);
                }

                held.Dispose();
            }
            catch (IOException) when (attempt < MaxAttempts - 1)
            {
                // A full disk fails all attempts.
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
        return !File.Exists(path) ? Nothing.Instance : Take(path) is { } held ? new SqliteNode(id, held) : null;
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

    private static FileStream? Take(string path)
    {
        try
        {
            return PrivateFile.Open(path, FileMode.Open, FileShare.None);
        }
        catch (FileNotFoundException)
        {
            return null;
        }
        catch (IOException exception) when (exception is not DirectoryNotFoundException)
        {
            // Another process holds the lock.
            return null;
        }
        catch (UnauthorizedAccessException)
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
