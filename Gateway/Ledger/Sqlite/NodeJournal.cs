namespace Gateway.Ledger.Sqlite;

/// <summary>
/// The journal of this process: appends ledger entries to a file beside the database, on the caller's thread. An entry is durable when it is
/// handed to the operating system: it survives the end of the process. <see cref="SqliteRowWriter"/> folds the entries into their rows, after
/// which their file is removed.
/// </summary>
internal sealed class NodeJournal : IDisposable
{
    // A file that grew to this size is followed by the next one, so that files are removed under steady load, too.
    private const long LongestFile = 4 * 1024 * 1024;

    // The share of the maximum size that one file may have: folded entries count until their file is removed.
    private const int MinFiles = 4;

    private readonly string _database;
    private readonly Guid _node;
    private readonly long _maxSize;
    private readonly long _longestFile;
    private readonly JournalBlockWriter _writer = new();

    // Guards the fields below. Held for one write to a file.
    private readonly Lock _gate = new();

    // The files that exist, in order, with their lengths and the sequence numbers of their last entries. Entries are appended to the last one.
    private readonly List<(JournalFile File, long Length, long Last)> _files = [];
    private int _number;
    private long _size;

    // The last sequence number that was given out, also to an entry whose write failed.
    private long _issued;
    private long _sequence;
    private long _folded;
    private bool _isFileOver;
    private bool _isDisposed;

    /// <param name="database">The full path of the database.</param>
    /// <param name="node">The id of this process.</param>
    /// <param name="maxSize">The size in bytes that the entries must not exceed that are not in their rows yet.</param>
    public NodeJournal(string database, Guid node, long maxSize)
    {
        _database = database;
        _node = node;
        _maxSize = maxSize;
        _longestFile = Math.Min(LongestFile, maxSize / MinFiles);
        Reader = new JournalReader(node, Next);
    }

    /// <summary>Reads the entries. Used by one thread at a time, which may not be one that appends.</summary>
    public JournalReader Reader { get; }

    /// <summary>The sequence number of the last entry appended; zero before the first.</summary>
    public long Sequence => Volatile.Read(ref _sequence);

    /// <summary>The sequence number of the last entry that is in its row.</summary>
    public long Folded => Volatile.Read(ref _folded);

    /// <summary>The size of the files in bytes. Entries that are in their rows count until their file is removed or empty.</summary>
    public long Size => Volatile.Read(ref _size);

    /// <summary>Appends entries. They are durable when it returns; if it throws, none of them is.</summary>
    /// <exception cref="LedgerException">The journal has its maximum size, because its entries cannot be moved to their rows.</exception>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public void Append(IReadOnlyList<LedgerEntry> entries)
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_isDisposed, this);
            if (_size > _maxSize)
            {
                throw new LedgerException(
                    $"The journal of the ledger {_database} has {_maxSize} bytes: its entries cannot be moved into the ledger");
            }

            _writer.Clear();
            for (var i = 0; i < entries.Count; i++)
            {
                _writer.Write(_node, ++_issued, entries[i]);
            }

            Write(_writer.Written, _issued);
            Volatile.Write(ref _sequence, _issued);
        }
    }

    /// <summary>Waits until all entries appended so far are on the disk.</summary>
    /// <exception cref="IOException">The disk failed.</exception>
    public void FlushToDisk()
    {
        var number = 0;
        while (Next(number) is { } file)
        {
            try
            {
                RandomAccess.FlushToDisk(file.Handle);
            }
            catch (ObjectDisposedException)
            {
                // Its entries are in their rows, durably.
            }
            catch (IOException)
            {
                // The system has dropped the bytes that it could not write, and does not tell again: no entry may stand behind them.
                EndFile();
                throw;
            }

            number = file.Number;
        }
    }

    /// <summary>Lets the next entry begin a file: the present one is damaged.</summary>
    /// <returns>The sequence number of the last entry that is not in a later file.</returns>
    public long EndFile()
    {
        lock (_gate)
        {
            _isFileOver = true;
            return _sequence;
        }
    }

    /// <summary>
    /// Notes that entries are in their rows, durably, and removes files without others. The last file stays open, empty: an entry needs no file
    /// descriptor. Called by the thread that reads.
    /// </summary>
    /// <param name="sequence">The sequence number of the last of them.</param>
    public void SetFolded(long sequence)
    {
        Volatile.Write(ref _folded, sequence);
        Empty(sequence);
        while (TakeFolded(sequence) is { } file)
        {
            Reader.Leave(file);
            TryDelete(file);
            file.Dispose();
        }
    }

    /// <summary>Closes the files. Those with entries that are not in their rows remain for the next process.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            _isDisposed = true;
            foreach (var (file, _, last) in _files)
            {
                if (last <= _folded)
                {
                    TryDelete(file);
                }

                file.Dispose();
            }

            _files.Clear();
        }
    }

    private static void TryDelete(JournalFile file)
    {
        try
        {
            file.Delete();
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // The next process removes it, and finds all of its entries folded.
        }
    }

    private void Empty(long sequence)
    {
        lock (_gate)
        {
            if (_files is not [(var file, > 0, var last)] || last > sequence)
            {
                return;
            }

            if (!File.Exists(file.Path))
            {
                // Others do not find the entries of a file that was deleted.
                _isFileOver = true;
            }
            else if (!_isFileOver && TryCut(file, 0))
            {
                _files[0] = (file, 0, last);
                _size = 0;
                Reader.Leave(file);
            }
        }
    }

    private JournalFile? TakeFolded(long sequence)
    {
        lock (_gate)
        {
            // The last one takes the next entry.
            if (_files is not [var oldest, ..] || oldest.Last > sequence || (_files.Count == 1 && !_isFileOver))
            {
                return null;
            }

            _files.RemoveAt(0);
            _size -= oldest.Length;
            return oldest.File;
        }
    }

    private JournalFile? Next(int number)
    {
        lock (_gate)
        {
            foreach (var (file, _, _) in _files)
            {
                if (file.Number > number)
                {
                    return file;
                }
            }

            return null;
        }
    }

    private void Write(ReadOnlySpan<byte> records, long sequence)
    {
        if (_isFileOver || _files.Count == 0 || _files[^1].Length >= _longestFile)
        {
            _files.Add((JournalFile.Create(_database, _node, ++_number), 0, 0));
            _isFileOver = false;
        }

        var (file, length, _) = _files[^1];
        try
        {
            RandomAccess.Write(file.Handle, records, length);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // The bytes that a failed write has left are no record. Where they cannot be cut off, they end the file for readers; so the
            // next entry begins a new file.
            _isFileOver = !TryCut(file, length);
            throw;
        }

        _files[^1] = (file, length + records.Length, sequence);
        _size += records.Length;
    }

    private static bool TryCut(JournalFile file, long length)
    {
        try
        {
            RandomAccess.SetLength(file.Handle, length);
            return true;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }
}
