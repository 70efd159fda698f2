namespace Gateway.Ledger.Sqlite;

/// <summary>
/// Makes this process known as alive to others on the same file: an exclusive lock on a file of its own beside the database. The kernel
/// frees it with the process, however that ends.
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

    /// <summary>Takes the lock of a fresh node.</summary>
    public static SqliteNode Create(string database)
    {
        // A second round is needed only when another node cleans up the file between its making and its locking.
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
    /// Takes the place of a dead node: whoever disposes of the result has its file removed. <see langword="null"/> when it is alive, or
    /// another process is just taking its place.
    /// </summary>
    public static IDisposable? TakeDead(string database, Guid id)
    {
        var path = PathOf(database, id);
        return !File.Exists(path) ? Nothing.Instance : Take(path, FileMode.Open) is { } held ? new SqliteNode(id, held) : null;
    }

    public void Dispose()
    {
        // Removed while it is locked, so that nobody can take a lock on a file that is about to go.
        try
        {
            File.Delete(_lock.Name);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // It stays behind as the file of a dead node, which the next one removes.
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
            // Somebody holds the lock.
            return null;
        }
        catch (UnauthorizedAccessException) when (mode == FileMode.Open)
        {
            // Another user's: not ours to judge.
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
