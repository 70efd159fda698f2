using System.Buffers.Text;
using System.Diagnostics;
using System.Text;

namespace HopBenchmark;

/// <summary>Reads one response, split anywhere: head, chunks, lines. Counts the events and records the delay of each.</summary>
internal sealed class EventStreamReader(int texts)
{
    private readonly List<TimeSpan> _delays = new(texts);
    private readonly byte[] _line = new byte[1024]; // the rest of a longer line is ignored
    private int _length;
    private long _chunk;
    private Part _part = Part.Status;
    private bool _isChunked;

    private enum Part
    {
        Status,
        Headers,
        ChunkSize,
        Data,
        ChunkEnd,
        Over,
    }

    public int Events { get; private set; }

    /// <summary>The delays of the text events.</summary>
    public IReadOnlyList<TimeSpan> Delays => _delays;

    /// <summary>Whether the response has ended, or is not a 200.</summary>
    public bool IsOver => _part == Part.Over;

    private ReadOnlySpan<byte> Line => _line.AsSpan(0, _length).TrimEnd((byte)'\r');

    /// <summary>Reads bytes in the order of arrival.</summary>
    /// <param name="bytes">The bytes.</param>
    /// <param name="now">The time of their arrival, a timestamp of <see cref="Stopwatch"/>.</param>
    public void Read(ReadOnlySpan<byte> bytes, long now)
    {
        while (!bytes.IsEmpty && !IsOver)
        {
            switch (_part)
            {
                case Part.ChunkSize:
                    ReadChunkSize(ref bytes);
                    break;
                case Part.ChunkEnd:
                    var end = bytes.IndexOf((byte)'\n');
                    _part = end < 0 ? Part.ChunkEnd : Part.ChunkSize;
                    bytes = end < 0 ? [] : bytes[(end + 1)..];
                    break;
                case Part.Data:
                    var data = _isChunked ? bytes[..(int)Math.Min(bytes.Length, _chunk)] : bytes;
                    bytes = bytes[data.Length..];
                    ReadData(data, now);
                    break;
                default:
                    ReadHead(ref bytes);
                    break;
            }
        }
    }

    private void ReadHead(ref ReadOnlySpan<byte> bytes)
    {
        if (!IsLineWhole(ref bytes))
        {
            return;
        }

        if (_part == Part.Status)
        {
            _part = Line.StartsWith("HTTP/1.1 200"u8) ? Part.Headers : Part.Over;
        }
        else if (Line.IsEmpty)
        {
            _part = _isChunked ? Part.ChunkSize : Part.Data;
        }
        else
        {
            _isChunked |= Line.Length > 18 && Ascii.EqualsIgnoreCase(Line[..18], "transfer-encoding:"u8);
        }

        _length = 0;
    }

    private void ReadChunkSize(ref ReadOnlySpan<byte> bytes)
    {
        var c = bytes[0];
        bytes = bytes[1..];
        if (c == '\n')
        {
            _part = _chunk == 0 ? Part.Over : Part.Data;
        }
        else if (char.IsAsciiHexDigit((char)c))
        {
            _chunk = _chunk * 16 + (c & 0xF) + (c > '9' ? 9 : 0);
        }
    }

    private void ReadData(ReadOnlySpan<byte> data, long now)
    {
        _chunk -= data.Length;
        _part = _isChunked && _chunk == 0 ? Part.ChunkEnd : Part.Data;
        while (IsLineWhole(ref data))
        {
            if (Line.StartsWith("data:"u8))
            {
                Events++;
                NoteDelay(now);
            }

            _length = 0;
        }
    }

    private void NoteDelay(long now)
    {
        var mark = Line.IndexOf(UpstreamStream.Mark);
        if (mark >= 0 && Utf8Parser.TryParse(Line[(mark + 1)..], out long sent, out _))
        {
            _delays.Add(Stopwatch.GetElapsedTime(sent, now));
        }
    }

    // Moves bytes up to the end of the line into the line buffer.
    private bool IsLineWhole(ref ReadOnlySpan<byte> bytes)
    {
        var end = bytes.IndexOf((byte)'\n');
        var piece = end < 0 ? bytes : bytes[..end];
        var kept = piece[..Math.Min(piece.Length, _line.Length - _length)];
        kept.CopyTo(_line.AsSpan(_length));
        _length += kept.Length;
        bytes = end < 0 ? [] : bytes[(end + 1)..];
        return end >= 0;
    }
}
