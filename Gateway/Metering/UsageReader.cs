namespace Gateway.Metering;

/// <summary>
/// Reads the bill and the other facts from an answer as it passes: a JSON body or an event stream, in every dialect of OpenRouter. Buffers no
/// part of the answer except a name or number that is split.
/// </summary>
/// <remarks>
/// An event whose line is complete is filtered first and parsed only when it can contain facts. A split line is parsed from its beginning, so
/// that it need not be buffered. Not thread-safe; reads one answer.
/// </remarks>
internal sealed class UsageReader : IResponseReader
{
    // The number of events that are parsed unconditionally until one contains the answer's id.
    private const int FirstEvents = 8;

    // The longest known event name is response.incomplete.
    private const int NameCapacity = 32;

    private readonly bool _isEventStream;
    private readonly ResponseFactsBuilder _notes = new();
    private readonly ResponseScanner _walker;

    // The number of bytes of a byte order mark read so far, until another byte arrives.
    private bool _isAtStart = true;
    private int _markLength;

    // The split line.
    private Line _line = Line.Start;
    private bool _skipsLineFeed;
    private bool _skipsBlank;
    private readonly byte[] _name = new byte[NameCapacity];
    private int _nameLength;
    private int _doneLength;

    // The current event.
    private ResponseEnd _event;
    private int _dataLines;
    private int _events;

    public UsageReader(bool isEventStream)
    {
        _isEventStream = isEventStream;
        _walker = new ResponseScanner(_notes);
        _walker.Begin();
    }

    private enum Line : byte
    {
        // At the start of a line, in its field name, in its value, or in an ignored line.
        Start, Field, Event, Data, Other,
    }

    private static ReadOnlySpan<byte> Mark => [0xEF, 0xBB, 0xBF];

    private static ReadOnlySpan<byte> DoneData => "[DONE]"u8;

    /// <inheritdoc />
    public ResponseFacts Facts => _notes.Facts;

    /// <inheritdoc />
    public bool IsComplete => _notes.IsComplete;

    /// <inheritdoc />
    public bool HasData { get; private set; }

    /// <inheritdoc />
    public void Read(ReadOnlySpan<byte> bytes)
    {
        if (_isAtStart)
        {
            bytes = SkipMark(bytes);
        }

        if (_isEventStream)
        {
            ReadEvents(bytes);
        }
        else
        {
            ReadJson(bytes);
        }
    }

    /// <inheritdoc />
    public void End()
    {
        // A client discards an event that is truncated by the end, but its bill counts.
        if (_isEventStream)
        {
            EndLine();
            EndEvent();
        }
    }

    /// <inheritdoc />
    public void Dispose()
    {
    }

    private ReadOnlySpan<byte> SkipMark(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            if (bytes[0] != Mark[_markLength])
            {
                _isAtStart = false;

                // A partial mark is not a mark, and neither JSON nor a field starts with these bytes.
                if (_markLength > 0)
                {
                    _line = Line.Other;
                    _walker.Read(Mark[..1]);
                }

                break;
            }

            bytes = bytes[1..];
            if (++_markLength == Mark.Length)
            {
                _isAtStart = false;
                break;
            }
        }

        return bytes;
    }

    private void ReadJson(ReadOnlySpan<byte> bytes)
    {
        if (!HasData)
        {
            // Upstream sends blanks as keep-alives.
            HasData = bytes.IndexOfAnyExcept(" \t\r\n"u8) >= 0;
        }

        _walker.Read(bytes);
        if (_walker.IsClosed)
        {
            _notes.IsComplete = true;
        }
    }

    private void ReadEvents(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            if (_skipsLineFeed)
            {
                _skipsLineFeed = false;
                if (bytes[0] == (byte)'\n')
                {
                    bytes = bytes[1..];
                    continue;
                }
            }

            var length = bytes.IndexOfAny((byte)'\r', (byte)'\n');
            if (length < 0)
            {
                ReadPart(bytes);
                return;
            }

            var line = bytes[..length];
            var isCarriageReturn = bytes[length] == (byte)'\r';
            bytes = bytes[(length + 1)..];
            if (isCarriageReturn)
            {
                if (bytes.IsEmpty)
                {
                    _skipsLineFeed = true;
                }
                else if (bytes[0] == (byte)'\n')
                {
                    bytes = bytes[1..];
                }
            }

            if (_line == Line.Start)
            {
                // A following empty line shows that this line is the whole data of its event, if it is the first.
                ReadLine(line, isLast: !bytes.IsEmpty && bytes[0] is (byte)'\n' or (byte)'\r');
            }
            else
            {
                ReadPart(line);
                EndLine();
            }
        }
    }

    private void ReadLine(ReadOnlySpan<byte> line, bool isLast)
    {
        if (line.IsEmpty)
        {
            EndEvent();
        }
        else if (isLast && _dataLines == 0 && line.StartsWith("data:"u8))
        {
            ReadData(WithoutBlank(line[5..]));
        }
        else if (line.StartsWith("event:"u8))
        {
            _event = ResponseFactsBuilder.EndOf(WithoutBlank(line[6..]));
        }
        else if (line.StartsWith("data"u8))
        {
            ReadPart(line);
            EndLine();
        }
    }

    /// <summary>Reads the whole data of an event.</summary>
    private void ReadData(ReadOnlySpan<byte> data)
    {
        if (data.IsEmpty)
        {
            return;
        }

        HasData = true;
        _dataLines = 1;
        if (data[0] == (byte)'[')
        {
            _notes.IsComplete |= data.TrimEnd((byte)' ').SequenceEqual(DoneData);
        }
        else if (IsFirst() || EventFilter.MayMatter(data))
        {
            _walker.Begin();
            _walker.Read(data);
            EndDocument();
        }
    }

    /// <summary>Whether this is one of the first events and the answering model is unknown.</summary>
    private bool IsFirst()
    {
        if (_events >= FirstEvents)
        {
            return false;
        }

        _events++;
        return !_notes.HasId;
    }

    /// <summary>Reads a part of a line, which continues in the next bytes or ends after these.</summary>
    private void ReadPart(ReadOnlySpan<byte> bytes)
    {
        if (bytes.IsEmpty)
        {
            return;
        }

        if (_line is Line.Start or Line.Field)
        {
            bytes = ReadField(bytes);
        }

        if (_skipsBlank && !bytes.IsEmpty)
        {
            _skipsBlank = false;
            bytes = WithoutBlank(bytes);
        }

        if (_line == Line.Data)
        {
            ReadDataPart(bytes);
        }
        else if (_line == Line.Event)
        {
            CarryName(bytes);
        }
    }

    private ReadOnlySpan<byte> ReadField(ReadOnlySpan<byte> bytes)
    {
        var length = bytes.IndexOf((byte)':');
        if (_line == Line.Start)
        {
            _line = Line.Field;
            _nameLength = 0;
        }

        CarryName(length < 0 ? bytes : bytes[..length]);
        if (length < 0)
        {
            return default;
        }

        var name = _name.AsSpan(0, _nameLength);
        _line = name.SequenceEqual("data"u8) ? Line.Data : name.SequenceEqual("event"u8) ? Line.Event : Line.Other;
        _skipsBlank = true;
        _nameLength = 0;
        if (_line == Line.Data)
        {
            BeginData();
        }

        return bytes[(length + 1)..];
    }

    /// <summary>Buffers a name until it is complete. A name that does not fit the buffer is not a known one, so it is truncated.</summary>
    private void CarryName(ReadOnlySpan<byte> part)
    {
        part = part[..Math.Min(part.Length, NameCapacity - _nameLength)];
        part.CopyTo(_name.AsSpan(_nameLength));
        _nameLength += part.Length;
    }

    private void BeginData()
    {
        if (_dataLines++ == 0)
        {
            _doneLength = 0;
            _walker.Begin();
        }
        else
        {
            _doneLength = -1;
            _walker.Read("\n"u8);
        }
    }

    private void ReadDataPart(ReadOnlySpan<byte> bytes)
    {
        HasData |= !bytes.IsEmpty;
        if (_doneLength >= 0)
        {
            foreach (var value in bytes)
            {
                if (_doneLength < DoneData.Length && value == DoneData[_doneLength])
                {
                    _doneLength++;
                }
                else if (_doneLength < DoneData.Length || value != (byte)' ')
                {
                    _doneLength = -1;
                    break;
                }
            }
        }

        _walker.Read(bytes);
    }

    private void EndLine()
    {
        if (_line == Line.Event)
        {
            _event = ResponseFactsBuilder.EndOf(_name.AsSpan(0, _nameLength));
        }
        else if (_line == Line.Data)
        {
            _notes.IsComplete |= _doneLength == DoneData.Length;
            EndDocument();
        }

        _line = Line.Start;
        _skipsBlank = false;
    }

    /// <summary>Applies the type of a document when the document is complete.</summary>
    private void EndDocument()
    {
        if (_walker.IsClosed && _notes.End is ResponseEnd.Done or ResponseEnd.Failed)
        {
            _notes.IsComplete = true;
        }
    }

    private void EndEvent()
    {
        // An event name without data is not an event.
        if (_dataLines > 0)
        {
            _notes.HasError |= _event is ResponseEnd.Error or ResponseEnd.Failed;
            _notes.IsComplete |= _event is ResponseEnd.Done or ResponseEnd.Failed;
        }

        _dataLines = 0;
        _event = ResponseEnd.None;
    }

    private static ReadOnlySpan<byte> WithoutBlank(ReadOnlySpan<byte> value) => value is [(byte)' ', ..] ? value[1..] : value;
}
