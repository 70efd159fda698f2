namespace Gateway.Ledger.Sqlite;

/// <summary>
/// Reads the entries of a node from its files, in order. A record that is incomplete or damaged ends its file: the next file follows, and
/// without one the record is read anew by the next call, since a living node may be writing it.
/// </summary>
/// <param name="node">The node.</param>
/// <param name="next">Returns the node's file after a number, open as long as it is read.</param>
internal sealed class JournalReader(Guid node, Func<int, JournalFile?> next)
{
    private const int BufferSize = 64 * 1024;

    private byte[] _buffer = new byte[BufferSize];
    private JournalFile? _file;

    // The buffer's bytes from _start to _end are those of the file from _position on.
    private int _start;
    private int _end;
    private long _position;
    private long _torn;
    private bool _isRescan;

    /// <summary>The node.</summary>
    public Guid Node { get; } = node;

    /// <summary>The sequence number of the last entry read.</summary>
    public long Sequence { get; private set; }

    /// <summary>The number of bytes behind the last whole records of the files read, which are torn if the node is dead.</summary>
    public long Torn => _torn + Rest;

    private long Rest => _file is { } file ? RandomAccess.GetLength(file.Handle) - _position : 0;

    /// <summary>Begins anew, or with the node's other files: this one is removed or empty.</summary>
    public void Leave(JournalFile file)
    {
        if (_file == file)
        {
            Begin(null);
        }
    }

    /// <summary>Goes to the entries after a sequence number.</summary>
    public void Seek(long sequence)
    {
        Forget();
        if (Sequence != sequence)
        {
            Begin(null);
            (Sequence, _torn) = (0, 0);
            while (Sequence < sequence && TryRead(sequence, out _))
            {
            }

            Sequence = sequence;
        }
    }

    /// <summary>Reads the next entry.</summary>
    /// <param name="last">The sequence number of the last entry to read.</param>
    /// <param name="block">The entry's block, valid until the next call.</param>
    /// <returns>Whether there is one.</returns>
    public bool TryRead(long last, out ReadOnlySpan<byte> block)
    {
        while (true)
        {
            ReadOnlySpan<byte> record;
            if (_file is null || !TryReadRecord(out record))
            {
                if (next(_file?.Number ?? 0) is not { } following)
                {
                    block = default;
                    return false;
                }

                // A file does not grow once there is another: the entries added since are read first.
                if (_file is null || !TryReadRecord(out record))
                {
                    _torn += Rest;
                    Begin(following);
                    continue;
                }
            }

            var sequence = JournalRecord.Sequence(record);
            if (sequence > last)
            {
                // Its node may cut it off again.
                Forget();
                block = default;
                return false;
            }

            if (sequence > Sequence + 1 && !_isRescan)
            {
                // Its node may have emptied the file and written it anew meanwhile. Otherwise the numbers between are those of failed writes.
                Begin(null);
                (_torn, _isRescan) = (0, true);
                continue;
            }

            _start += record.Length;
            _position += record.Length;

            // Others are those of a file that is folded and could not be removed.
            if (sequence > Sequence)
            {
                (Sequence, _isRescan) = (sequence, false);
                block = record[JournalRecord.HeadSize..];
                return true;
            }
        }
    }

    private void Begin(JournalFile? file)
    {
        _file = file;
        (_start, _end, _position) = (0, 0, 0);
    }

    private bool TryReadRecord(out ReadOnlySpan<byte> record)
    {
        record = default;
        if (!TryFill(JournalRecord.HeadSize) || JournalRecord.BlockLength(_buffer.AsSpan(_start)) is 0)
        {
            return Forget();
        }

        var length = JournalRecord.HeadSize + JournalRecord.BlockLength(_buffer.AsSpan(_start));
        if (!TryFill(length) || !JournalRecord.IsWhole(_buffer.AsSpan(_start, length)))
        {
            return Forget();
        }

        record = _buffer.AsSpan(_start, length);
        return true;
    }

    // The bytes of an incomplete record are read again: the node may be writing them.
    private bool Forget()
    {
        _end = _start;
        return false;
    }

    private bool TryFill(int length)
    {
        if (_end - _start >= length)
        {
            return true;
        }

        _buffer.AsSpan(_start, _end - _start).CopyTo(_buffer);
        (_start, _end) = (0, _end - _start);
        if (_buffer.Length < length)
        {
            Array.Resize(ref _buffer, length);
        }

        while (_end < _buffer.Length)
        {
            var read = RandomAccess.Read(_file!.Handle, _buffer.AsSpan(_end), _position + _end);
            if (read == 0)
            {
                break;
            }

            _end += read;
        }

        return _end >= length;
    }
}
