namespace Gateway.Ledger.Sqlite;

/// <summary>
/// The changes of one transaction of <see cref="SqliteRowWriter"/>, one for each row where possible: the first name and the first end of a row
/// that the transaction creates are merged into its insert. Holds a copy of the entries.
/// </summary>
internal sealed class JournalChanges
{
    private readonly List<JournalChange> _changes = [];
    private readonly Dictionary<Guid, int> _begun = [];
    private byte[] _bytes = new byte[64 * 1024];
    private int _length;

    /// <summary>The number of changes.</summary>
    public int Count => _changes.Count;

    /// <summary>Whether entries were added, also if they change nothing.</summary>
    public bool HasEntries => _length > 0;

    /// <summary>A change, in the order of the rows' first entries.</summary>
    public JournalChange this[int index] => _changes[index];

    /// <summary>Removes all changes.</summary>
    public void Clear()
    {
        _changes.Clear();
        _begun.Clear();
        _length = 0;
    }

    /// <summary>Adds the entries of a block.</summary>
    /// <exception cref="LedgerException">Another version of the gateway wrote the entries.</exception>
    public void Add(ReadOnlySpan<byte> written)
    {
        var block = JournalBlockReader.Upgrade(written);
        if (_bytes.Length - _length < block.Length)
        {
            Array.Resize(ref _bytes, Math.Max(_bytes.Length * 2, _length + block.Length));
        }

        block.CopyTo(_bytes.AsSpan(_length));
        var start = _length;
        _length += block.Length;
        var reader = ReaderAt(start);
        reader.Begin();
        while (!reader.IsAtEnd)
        {
            var position = _length - reader.Left;
            var kind = reader.Kind();
            var id = LedgerKeys.FromBytes(reader.Id());
            reader.Skip(kind);
            Add(kind, id, start, position);
        }
    }

    /// <summary>Reads the entries from a position of a change on.</summary>
    public JournalBlockReader ReaderAt(int position) => new(_bytes.AsSpan(position, _length - position));

    private void Add(JournalEntryKind kind, Guid id, int block, int position)
    {
        if (kind == JournalEntryKind.Began)
        {
            if (_begun.TryAdd(id, _changes.Count))
            {
                _changes.Add(new JournalChange(kind, block, position));
            }
        }
        else if (_begun.TryGetValue(id, out var index) && _changes[index] is { Ended: JournalChange.None } begun)
        {
            // Later entries of the same row are merged into its insert.
            _changes[index] = kind == JournalEntryKind.Ended ? begun with { Ended = position }
                : begun.Named == JournalChange.None ? begun with { Named = position }
                : begun;
        }
        else
        {
            _changes.Add(new JournalChange(kind, block, position));
        }
    }
}
