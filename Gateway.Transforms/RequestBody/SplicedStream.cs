using System.Buffers;

namespace OpenRouterGateway.Transforms.RequestBody;

/// <summary>
/// A body with its edits applied, as a stream: <c>head | inserted bytes | … | tail</c>, read from the buffered blocks without a copy. It
/// reports its end, so that the blocks can be released before the response arrives.
/// </summary>
internal sealed class SplicedStream : Stream
{
    private readonly IReadOnlyList<BodyEdit> _edits;
    private readonly Action _onEnd;

    private ReadOnlySequence<byte> _rest;
    private ReadOnlyMemory<byte> _insert;
    private int _offset;   // in the received body, of the first byte of _rest
    private int _edit;
    private long _position;
    private bool _ended;
    private bool _disposed;

    /// <summary>Creates the stream.</summary>
    /// <param name="body">The received body.</param>
    /// <param name="edits">The edits, ascending and not overlapping.</param>
    /// <param name="onEnd">Called once, at the end of the stream.</param>
    public SplicedStream(in ReadOnlySequence<byte> body, IReadOnlyList<BodyEdit> edits, Action onEnd)
    {
        _rest = body;
        _edits = edits;
        _onEnd = onEnd;
        Length = SplicedLength(body.Length, edits);
    }

    /// <inheritdoc />
    public override bool CanRead => true;

    /// <inheritdoc />
    public override bool CanSeek => false;

    /// <inheritdoc />
    public override bool CanWrite => false;

    /// <inheritdoc />
    public override long Length { get; }

    /// <inheritdoc />
    public override long Position
    {
        get => _position;
        set => throw new NotSupportedException();
    }

    /// <summary>The length of a body with its edits applied.</summary>
    public static long SplicedLength(long length, IReadOnlyList<BodyEdit> edits)
    {
        foreach (var edit in edits)
        {
            length += edit.Insert.Length - edit.Remove;
        }

        return length;
    }

    /// <inheritdoc />
    public override int Read(Span<byte> buffer)
    {
        // The blocks may already hold the body of another request, which a send that outlives its request must not read.
        ObjectDisposedException.ThrowIf(_disposed, this);

        // An empty read must not count as the end: YARP's copier starts with one.
        if (buffer.IsEmpty || _ended)
        {
            return 0;
        }

        var written = 0;
        while (written < buffer.Length && MoveNext())
        {
            written += _insert.IsEmpty ? TakeBody(buffer[written..]) : TakeInsert(buffer[written..]);
        }

        _position += written;
        if (written == 0)
        {
            _ended = true;
            _rest = default;
            _onEnd();
        }

        return written;
    }

    /// <summary>
    /// Takes the next bytes without a copy, if enough of them stand in one block. They stay valid as long as the body.
    /// </summary>
    /// <param name="least">The least number of bytes to take, above 0.</param>
    /// <returns>The bytes; empty if fewer follow before an edit, the end of the block or the end of the stream.</returns>
    public ReadOnlyMemory<byte> TakeRun(int least)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (!MoveNext() || !_insert.IsEmpty)
        {
            return default;
        }

        var run = _rest.First;
        if (_edit < _edits.Count)
        {
            run = run[..Math.Min(run.Length, _edits[_edit].Offset - _offset)];
        }

        if (run.Length < least)
        {
            return default;
        }

        _rest = _rest.Slice(run.Length);
        _offset += run.Length;
        _position += run.Length;
        return run;
    }

    /// <inheritdoc />
    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    /// <inheritdoc />
    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
        cancellationToken.IsCancellationRequested ? ValueTask.FromCanceled<int>(cancellationToken) : new(Read(buffer.Span));

    /// <inheritdoc />
    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    /// <inheritdoc />
    public override void Flush()
    {
    }

    /// <inheritdoc />
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    /// <inheritdoc />
    public override void SetLength(long value) => throw new NotSupportedException();

    /// <inheritdoc />
    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    /// <inheritdoc />
    protected override void Dispose(bool disposing)
    {
        _disposed = true;
        _rest = default;
        base.Dispose(disposing);
    }

    /// <summary>Applies the edits at the current offset. Returns whether bytes are left to read.</summary>
    private bool MoveNext()
    {
        while (_insert.IsEmpty && _edit < _edits.Count && _edits[_edit].Offset == _offset)
        {
            var edit = _edits[_edit++];
            _insert = edit.Insert;
            _rest = _rest.Slice(edit.Remove);
            _offset += edit.Remove;
        }

        return !_insert.IsEmpty || !_rest.IsEmpty;
    }

    private int TakeInsert(Span<byte> buffer)
    {
        var count = Math.Min(buffer.Length, _insert.Length);
        _insert.Span[..count].CopyTo(buffer);
        _insert = _insert[count..];
        return count;
    }

    private int TakeBody(Span<byte> buffer)
    {
        var available = _edit < _edits.Count ? _edits[_edit].Offset - _offset : _rest.Length;
        var count = (int)Math.Min(buffer.Length, available);
        var part = _rest.Slice(0, count);
        part.CopyTo(buffer);
        _rest = _rest.Slice(part.End);
        _offset += count;
        return count;
    }
}
