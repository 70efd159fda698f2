namespace Gateway.Metering;

/// <summary>
/// Reads an answer's bill, and the little that is shown beside it, from the bytes as they go by: a JSON body or an event stream, in
/// every dialect that OpenRouter speaks. It keeps nothing of the answer but a name or number that was cut.
/// </summary>
/// <remarks>
/// An event whose line is whole is searched, and walked through only when it can matter. A line that is cut is walked through from
/// its beginning, so that it need not be kept until its end comes. Not thread-safe, and good for one answer.
/// </remarks>
internal sealed class UsageReader : IResponseReader
{
    // How many events are walked through, whatever they hold, until one tells the answer's id.
    private const int FirstEvents = 8;

    // The longest event name that means something is response.incomplete.
    private const int NameCapacity = 32;

    private readonly bool _isEventStream;
    private readonly ResponseFactsBuilder _notes = new();
    private readonly ResponseScanner _walker;

    // The byte order mark: how much of it was seen, until something else came.
    private bool _isAtStart = true;
    private int _markLength;

    // The line that was cut.
    private Line _line = Line.Start;
    private bool _skipsLineFeed;
    private bool _skipsBlank;
    private readonly byte[] _name = new byte[NameCapacity];
    private int _nameLength;
    private int _doneLength;

    // The event that the line belongs to.
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
        // At the beginning of a line, in its field's name, in its value, or in one that says nothing.
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
        // An event that the end has cut is none to a client, but its bill is a bill.
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

                // A part of a mark is no mark, and neither JSON nor a field begins with it.
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
            // Upstream sends blanks while the model works.
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
                // An empty line behind it says that this line is all of its event's data, should it be the first.
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

    /// <summary>Reads all the data of an event.</summary>
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

    /// <summary>Whether this is one of the first events, and who answers is not yet known.</summary>
    private bool IsFirst()
    {
        if (_events >= FirstEvents)
        {
            return false;
        }

        _events++;
        return !_notes.HasId;
    }

    /// <summary>Reads a part of a line, which goes on in the next bytes or ends behind these.</summary>
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

    /// <summary>Keeps a name until it is whole. One too long for the room means nothing, so what is dropped of it is not missed.</summary>
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

    /// <summary>Takes what the type of a document says, once the document is closed.</summary>
    private void EndDocument()
    {
        if (_walker.IsClosed && _notes.End is ResponseEnd.Done or ResponseEnd.Failed)
        {
            _notes.IsComplete = true;
        }
    }

    private void EndEvent()
    {
        // A name without data is no event.
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
