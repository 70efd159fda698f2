namespace Gateway.Metering;

/// <summary>
/// A line of an event stream that is split between two reads: its field, and the part of its value that has arrived. Buffers only names,
/// and compares data with <see cref="Done"/> as it arrives.
/// </summary>
internal struct SplitLine()
{
    // The longest known event name is response.incomplete.
    private const int NameCapacity = 32;

    // The name of the field until it is complete, then the value of the field event.
    private readonly byte[] _name = new byte[NameCapacity];
    private int _nameLength;

    // The number of bytes that match Done; negative if the data differs.
    private int _doneLength;
    private bool _skipsBlank;

    /// <summary>The data of the event that ends a stream.</summary>
    public static ReadOnlySpan<byte> Done => "[DONE]"u8;

    /// <summary>The field of the line.</summary>
    public EventField Field { get; private set; }

    /// <summary>Whether no byte of the line has arrived.</summary>
    public readonly bool IsEmpty => Field == EventField.None;

    /// <summary>Whether the data is <see cref="Done"/>.</summary>
    public readonly bool IsDone => _doneLength == Done.Length;

    /// <summary>The value of the field event.</summary>
    public readonly ReadOnlySpan<byte> Name => _name.AsSpan(0, _nameLength);

    /// <summary>A value without the one blank that may precede it.</summary>
    public static ReadOnlySpan<byte> WithoutBlank(ReadOnlySpan<byte> value) => value is [(byte)' ', ..] ? value[1..] : value;

    /// <summary>Ignores the rest of the line.</summary>
    public void Ignore() => Field = EventField.Other;

    /// <summary>Begins the next line.</summary>
    public void End()
    {
        Field = EventField.None;
        _skipsBlank = false;
    }

    /// <summary>Reads the name of the field.</summary>
    /// <returns>The bytes after it, or none if the name is not complete.</returns>
    public ReadOnlySpan<byte> ReadField(ReadOnlySpan<byte> bytes)
    {
        var length = bytes.IndexOf((byte)':');
        if (IsEmpty)
        {
            Field = EventField.Unfinished;
            _nameLength = 0;
        }

        ReadName(length < 0 ? bytes : bytes[..length]);
        if (length < 0)
        {
            return default;
        }

        Field = Name.SequenceEqual("data"u8) ? EventField.Data
            : Name.SequenceEqual("event"u8) ? EventField.Event
            : EventField.Other;
        _skipsBlank = true;
        _nameLength = 0;
        return bytes[(length + 1)..];
    }

    /// <summary>Skips the blank before the value, if it is next.</summary>
    public ReadOnlySpan<byte> SkipBlank(ReadOnlySpan<byte> bytes)
    {
        if (!_skipsBlank || bytes.IsEmpty)
        {
            return bytes;
        }

        _skipsBlank = false;
        return WithoutBlank(bytes);
    }

    /// <summary>Buffers a name until it is complete. A name that exceeds the buffer is unknown anyway, so it is truncated.</summary>
    public void ReadName(ReadOnlySpan<byte> part)
    {
        part = part[..Math.Min(part.Length, NameCapacity - _nameLength)];
        part.CopyTo(_name.AsSpan(_nameLength));
        _nameLength += part.Length;
    }

    /// <summary>Begins a data line. Only the first one of an event can be <see cref="Done"/>.</summary>
    public void BeginData(bool isFirst) => _doneLength = isFirst ? 0 : -1;

    /// <summary>Compares data with <see cref="Done"/>, which blanks may follow.</summary>
    public void ReadData(ReadOnlySpan<byte> bytes)
    {
        if (_doneLength < 0)
        {
            return;
        }

        foreach (var value in bytes)
        {
            if (_doneLength < Done.Length && value == Done[_doneLength])
            {
                _doneLength++;
            }
            else if (_doneLength < Done.Length || value != (byte)' ')
            {
                _doneLength = -1;
                break;
            }
        }
    }
}
