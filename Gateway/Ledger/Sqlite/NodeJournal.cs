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

    private readonly string _database;
    private readonly Guid _node;
    private readonly long _maxSize;
    private readonly JournalBlockWriter _writer = new();

    // Guards the fields below. Held for one write to a file.
    private readonly Lock _gate = new();

    // The files that exist, in order, with their lengths and the sequence numbers of their last entries. Entries are appended to the last one.
    private readonly List<(JournalFile File, long Length, long Last)> _files = [];
    private int _number;
    private long _size;
    private long _sequence;
    private long _folded;
    private bool _isTorn;
    private bool _isDisposed;

    /// <param name="database">The full path of the database.</param>
    /// <param name="node">The id of this process.</param>
    /// <param name="maxSize">The size in bytes that the entries must not exceed that are not in their rows yet.</param>
    public NodeJournal(string database, Guid node, long maxSize)
    {
        _database = database;
        _node = node;
        _maxSize = maxSize;
        Reader = new JournalReader(node, Next);
    }

    /// <summary>Reads the entries. Used by one thread at a time, which may not be one that appends.</summary>
    public JournalReader Reader { get; }

    /// <summary>The sequence number of the last entry appended; zero before the first.</summary>
    public long Sequence => Volatile.Read(ref _sequence);

    /// <summary>The sequence number of the last entry that is in its row.</summary>
    public long Folded => Volatile.Read(ref _folded);

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
            var sequence = _sequence;
            for (var i = 0; i < entries.Count; i++)
            {
                _writer.Write(_node, ++sequence, entries[i]);
            }

            Write(_writer.Written, sequence);
            Volatile.Write(ref _sequence, sequence);
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

            number = file.Number;
        }
    }

    /// <summary>Notes that entries are in their rows, durably, and removes files without others. Called by the thread that reads.</summary>
    /// <param name="sequence">The sequence number of the last of them.</param>
    public void SetFolded(long sequence)
    {
        Volatile.Write(ref _folded, sequence);
        while (TakeFolded(sequence) is { } file)
        {
            Reader.Leave(file);
            try
            {
                file.Delete();
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
            {
                // The next process removes it, and finds all of its entries folded.
            }

            file.Dispose();
        }
    }

    /// <summary>Closes the files. Those with entries that are not in their rows remain for the next process.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            _isDisposed = true;
            foreach (var (file, _, _) in _files)
            {
                file.Dispose();
            }

            _files.Clear();
        }
    }

    private JournalFile? TakeFolded(long sequence)
    {
        lock (_gate)
        {
            if (_files is not [var oldest, ..] || oldest.Last > sequence)
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
        if (_isTorn || _files is not [.., { Length: < LongestFile }])
        {
            _files.Add((JournalFile.Create(_database, _node, ++_number), 0, 0));
            _isTorn = false;
        }

        var (file, length, _) = _files[^1];
        try
        {
            RandomAccess.Write(file.Handle, records, length);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            CutOff(file, length);
            throw;
        }

        _files[^1] = (file, length + records.Length, sequence);
        _size += records.Length;
    }

    // What a failed write has left is no record and would end the file for readers.
    private void CutOff(JournalFile file, long length)
    {
        try
        {
            RandomAccess.SetLength(file.Handle, length);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // The next entry begins a file.
            _isTorn = true;
        }
    }
}
