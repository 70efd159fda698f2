namespace Gateway.Metering;

/// <summary>
/// Reads the bill and the other facts from an unencoded response while it passes: a JSON body or an event stream, in every dialect of
/// OpenRouter. Buffers only names and values that are split between two reads.
/// </summary>
/// <remarks>
/// An event whose line arrives in one piece is filtered first, and parsed only if it may contain facts. A split line is parsed as its
/// pieces arrive, so that it is not buffered. Not thread-safe; reads one response.
/// </remarks>
internal sealed class UsageReader : IResponseReader
{
    // The number of first events that are parsed without a filter, until one of them contains the id of the response.
    private const int FirstEvents = 8;

    private readonly ResponseFactsBuilder _facts = new();
    private readonly ResponseScanner _scanner;

    // Whether a byte order mark may still begin or continue, and the number of its bytes read so far.
    private bool _isAtStart = true;
    private int _markLength;

    // Whether something but blanks has arrived.
    private bool _hasBegun;

    // The state of a line that is split between two reads.
    private SplitLine _line = new();
    private bool _skipsLineFeed;

    // The current event.
    private ResponseEnd _event;
    private int _dataLines;
    private bool _isParsed;
    private int _events;

    // The text that has passed, and the bytes of a data line that is split between two reads.
    private PassedText _passed;
    private int _lineBytes;

    public UsageReader(bool isEventStream)
    {
        IsEventStream = isEventStream;
        _scanner = new ResponseScanner(_facts);
        _scanner.Begin();
    }

    private static ReadOnlySpan<byte> Mark => [0xEF, 0xBB, 0xBF];

    /// <inheritdoc />
    public ResponseFacts Facts => _facts.Facts;

    /// <inheritdoc />
    public bool IsComplete => _facts.IsComplete;

    /// <inheritdoc />
    public bool IsEventStream { get; private set; }

    /// <inheritdoc />
    public bool HasData { get; private set; }

    /// <inheritdoc />
    public bool HasContent { get; private set; }

    /// <inheritdoc />
    public bool IsCostInterim { get; private set; }

    /// <inheritdoc />
    public bool HasTextBehindUsage { get; private set; }

    /// <inheritdoc />
    public long PassedTokens => _passed.Tokens;

    /// <inheritdoc />
    public void NoteNamed()
    {
    }

    /// <inheritdoc />
    public void Read(ReadOnlySpan<byte> bytes)
    {
        if (_isAtStart)
        {
            bytes = SkipMark(bytes);
        }

        if (!_hasBegun && bytes.IndexOfAnyExcept(" \t\r\n"u8) is >= 0 and var first)
        {
            // No field of an event begins with a brace.
            _hasBegun = true;
            IsEventStream &= bytes[first] != (byte)'{';
        }

        if (IsEventStream)
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
        // A client discards an event that the end of the stream truncates, but its bill counts.
        if (IsEventStream)
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

                // A partial mark is invalid input: neither JSON nor a field name starts with these bytes.
                if (_markLength > 0)
                {
                    _line.Ignore();
                    _scanner.Read(Mark[..1]);
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
        // Upstream sends blanks as keep-alives.
        HasData = _hasBegun;

        _scanner.Read(bytes);
        if (_scanner.IsClosed)
        {
            _facts.IsComplete = true;
        }

        HasContent |= _facts.DocumentHasOutput;
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

            if (_line.IsEmpty)
            {
                // If the next line is empty, this line is the last one of its event.
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
            ReadData(SplitLine.WithoutBlank(line[5..]));
        }
        else if (line.StartsWith("event:"u8))
        {
            _event = ResponseFactsBuilder.EndOf(SplitLine.WithoutBlank(line[6..]));
        }
        else if (line.StartsWith("data"u8))
        {
            ReadPart(line);
            EndLine();
        }
    }

    /// <summary>Reads the data of an event that consists of one line.</summary>
    private void ReadData(ReadOnlySpan<byte> data)
    {
        if (data.IsEmpty)
        {
            return;
        }

        HasData = true;
        _dataLines = 1;
        var hasUsage = false;
        if (data[0] == (byte)'[')
        {
            _facts.IsComplete |= data.TrimEnd((byte)' ').SequenceEqual(SplitLine.Done);
        }
        else if (IsFirst() || _facts.HasCost || EventFilter.MayMatter(data))
        {
            _scanner.Begin();
            _scanner.Read(data);
            EndDocument();
            hasUsage = _facts.DocumentHasUsage;
        }
        else
        {
            HasContent = HasContent || !EventFilter.IsOpening(data);
        }

        if (EventFilter.CarriesText(data))
        {
            _passed.Add(data);
            HasTextBehindUsage = true;
        }

        HasTextBehindUsage &= !hasUsage;
    }

    /// <summary>Whether this is one of the first events and the id of the response is unknown.</summary>
    private bool IsFirst()
    {
        if (_events >= FirstEvents)
        {
            return false;
        }

        _events++;
        return !_facts.HasId;
    }

    /// <summary>Reads a part of a line. The line may continue in the next bytes.</summary>
    private void ReadPart(ReadOnlySpan<byte> bytes)
    {
        if (bytes.IsEmpty)
        {
            return;
        }

        if (_line.Field is EventField.None or EventField.Unfinished)
        {
            bytes = _line.ReadField(bytes);
            if (_line.Field == EventField.Data)
            {
                BeginData();
            }
        }

        bytes = _line.SkipBlank(bytes);
        if (_line.Field == EventField.Data)
        {
            ReadDataPart(bytes);
        }
        else if (_line.Field == EventField.Event)
        {
            _line.ReadName(bytes);
        }
    }

    private void BeginData()
    {
        var isFirst = _dataLines++ == 0;
        _line.BeginData(isFirst);
        if (isFirst)
        {
            _lineBytes = 0;
            _scanner.Begin();
        }
        else
        {
            _scanner.Read("\n"u8);
        }
    }

    private void ReadDataPart(ReadOnlySpan<byte> bytes)
    {
        HasData |= !bytes.IsEmpty;
        _lineBytes += bytes.Length;
        _line.ReadData(bytes);
        _scanner.Read(bytes);
    }

    private void EndLine()
    {
        if (_line.Field == EventField.Event)
        {
            _event = ResponseFactsBuilder.EndOf(_line.Name);
        }
        else if (_line.Field == EventField.Data)
        {
            if (_line.IsDone)
            {
                _facts.IsComplete = true;
            }
            else if (_lineBytes > 0)
            {
                EndDocument();
                if (_facts.DocumentCarriesText)
                {
                    _passed.Add(_lineBytes);
                    HasTextBehindUsage = true;
                }

                HasTextBehindUsage &= !_facts.DocumentHasUsage;

                _lineBytes = 0;
            }
        }

        _line.End();
    }

    /// <summary>
    /// Marks the response as complete if the type of a closed document ends it. A cost is the bill only if no further part of the response
    /// follows.
    /// </summary>
    private void EndDocument()
    {
        _isParsed = true;
        IsCostInterim = !_facts.DocumentHasCost && (IsCostInterim || (_facts.HasCost && !_facts.DocumentIsAside));
        if (_scanner.IsClosed && ResponseFactsBuilder.IsEnd(_facts.End))
        {
            _facts.IsComplete = true;
        }
    }

    private void EndEvent()
    {
        // A name without data is not an event.
        if (_dataLines > 0)
        {
            _facts.HasError |= _event is ResponseEnd.Error or ResponseEnd.Failed;
            _facts.IsComplete |= ResponseFactsBuilder.IsEnd(_event);
            IsCostInterim |= _facts is { HasCost: true, DocumentHasCost: false }
                && _event is ResponseEnd.Done or ResponseEnd.Failed or ResponseEnd.Error;
            HasContent |= _isParsed && _event is not (ResponseEnd.Error or ResponseEnd.Failed)
                && (!_scanner.IsClosed || _facts.DocumentIsContent);
        }

        _isParsed = false;
        _dataLines = 0;
        _event = ResponseEnd.None;
    }
}
