using Gateway.Metering;

namespace Gateway.Upstream;

/// <summary>
/// Follows an event stream by the beginnings of its lines: whether data arrives, and whether the last event of the response has arrived, in
/// every dialect. Buffers only the beginning and the end of a line that is split between two reads.
/// </summary>
internal struct EventScanner()
{
    // Longer than a type that is among the first bytes of an event.
    private const int LineCapacity = 128;

    // The beginning of the line, and behind it the last bytes of a longer one.
    private byte[]? _line;
    private int _lineLength;
    private int _tailLength;
    private bool _isAtStart = true;
    private bool _skipsLineFeed;

    // The name of the current event.
    private bool _isPing;
    private bool _endsResponse;

    /// <summary>Whether the last event of the response has arrived, as far as a client needs it.</summary>
    public bool IsComplete { get; private set; }

    /// <summary>The number of data lines that are not blank. OpenRouter sends one for each event.</summary>
    public long DataCount { get; private set; }

    /// <summary>Whether the blank line that ends the last event is missing. A client discards an event without it.</summary>
    public bool LacksBlankLine { get; private set; }

    private static ReadOnlySpan<byte> Mark => [0xEF, 0xBB, 0xBF];

    /// <summary>Reads the next bytes.</summary>
    /// <returns>Whether they contain data. Comments, <c>ping</c> events and blank data do not count.</returns>
    public bool Read(ReadOnlySpan<byte> bytes)
    {
        var hasData = false;
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
                return ReadPart(bytes) || hasData;
            }

            if (_lineLength > 0)
            {
                hasData |= ReadPart(bytes[..length]);
                hasData |= ReadLine(_line.AsSpan(0, _lineLength));
                EndLongLine();
                _lineLength = 0;
            }
            else
            {
                hasData |= ReadLine(bytes[..length]);
            }

            _skipsLineFeed = bytes[length] == (byte)'\r';
            bytes = bytes[(length + 1)..];
        }

        return hasData;
    }

    /// <summary>
    /// Ends the input. A last line without its end can only complete the stream if it is <c>[DONE]</c>, which cannot be a part of anything
    /// else.
    /// </summary>
    public void End()
    {
        var line = _line.AsSpan(0, _lineLength);
        if (line.StartsWith("data:"u8) && IsDone(line[5..]))
        {
            IsComplete = true;
        }
    }

    private static bool IsDone(ReadOnlySpan<byte> data) => data.Trim((byte)' ').SequenceEqual(SplitLine.Done);

    /// <summary>Reads a part of a line. Its beginning is kept; data beyond it counts as it arrives.</summary>
    private bool ReadPart(ReadOnlySpan<byte> part)
    {
        _line ??= new byte[LineCapacity + EventFilter.TailLength];
        var kept = part[..Math.Min(part.Length, LineCapacity - _lineLength)];
        kept.CopyTo(_line.AsSpan(_lineLength));
        _lineLength += kept.Length;
        KeepTail(part[kept.Length..]);
        return _lineLength == LineCapacity && !_isPing && _line.AsSpan().StartsWith("data:"u8) && !IsBlank(part);
    }

    private void KeepTail(ReadOnlySpan<byte> bytes)
    {
        var tail = _line.AsSpan(LineCapacity);
        bytes = bytes[^Math.Min(bytes.Length, tail.Length)..];
        var kept = Math.Min(_tailLength, tail.Length - bytes.Length);
        tail[(_tailLength - kept).._tailLength].CopyTo(tail);
        bytes.CopyTo(tail[kept..]);
        _tailLength = kept + bytes.Length;
    }

    private void EndLongLine()
    {
        if (_tailLength > 0
            && _line.AsSpan().StartsWith("data:"u8)
            && EventFilter.EndsResponseAtEnd(_line.AsSpan(LineCapacity, _tailLength)))
        {
            IsComplete = LacksBlankLine = true;
        }

        _tailLength = 0;
    }

    private bool ReadLine(ReadOnlySpan<byte> line)
    {
        if (_isAtStart)
        {
            _isAtStart = false;
            line = line.StartsWith(Mark) ? line[Mark.Length..] : line;
        }

        if (line.IsEmpty)
        {
            _isPing = false;
            _endsResponse = false;
            LacksBlankLine = false;
            return false;
        }

        if (line.StartsWith("data:"u8))
        {
            return ReadData(line[5..]);
        }

        if (line.StartsWith("event:"u8))
        {
            var name = SplitLine.WithoutBlank(line[6..]);
            _isPing = name.SequenceEqual("ping"u8);
            _endsResponse = ResponseFactsBuilder.IsEnd(ResponseFactsBuilder.EndOf(name));
        }

        return false;
    }

    private bool ReadData(ReadOnlySpan<byte> data)
    {
        if (IsBlank(data))
        {
            return false;
        }

        DataCount++;
        if (_endsResponse || EventFilter.EndsResponse(data))
        {
            IsComplete = LacksBlankLine = true;
        }
        else if (IsDone(data))
        {
            // It says nothing more than the end of the stream.
            IsComplete = true;
        }

        return !_isPing && !EventFilter.IsPing(data);
    }

    private static bool IsBlank(ReadOnlySpan<byte> data) => data.IndexOfAnyExcept((byte)' ', (byte)'\t') < 0;
}
