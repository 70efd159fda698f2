using System.IO.Compression;

namespace FakeOpenRouter;

/// <summary>Sends the body of a response as the script says: split, compressed or cut. Counts the flushed bytes.</summary>
internal sealed class AnswerWriter : IAsyncDisposable
{
    /// <summary>Kestrel's flush returns before the bytes are sent. An abort right after it would discard them.</summary>
    private static readonly TimeSpan BeforeCut = TimeSpan.FromMilliseconds(50);

    private readonly HttpContext _context;
    private readonly FakeScript _script;
    private readonly ReceivedRequest? _record;
    private readonly BookEntry? _bill;
    private readonly TimeProvider _time;
    private readonly Stream _output;
    private int _written;

    public AnswerWriter(HttpContext context, FakeScript script, ReceivedRequest? record, BookEntry? bill, TimeProvider time)
    {
        _context = context;
        _script = script;
        _record = record;
        _bill = bill;
        _time = time;
        _output = script.Gzip
            ? new GZipStream(context.Response.Body, CompressionLevel.Fastest, leaveOpen: true)
            : context.Response.Body;
    }

    /// <summary>Whether the script has cut the connection. Nothing more may be sent then.</summary>
    public bool IsCut { get; private set; }

    /// <summary>Sends only the headers.</summary>
    public async Task FlushHeadersAsync()
    {
        await _context.Response.Body.FlushAsync(_context.RequestAborted);
        _bill?.MarkIdSent();
    }

    /// <summary>Sends bytes and flushes them.</summary>
    public async ValueTask WriteAsync(ReadOnlyMemory<byte> bytes)
    {
        var rest = bytes;
        while (rest.Length > 0 && !IsCut)
        {
            var piece = _script.Split > 0 ? Math.Min(_script.Split, rest.Length) : rest.Length;
            var cut = _script.CutAtByte is { } at && _written + piece >= at;
            if (cut)
            {
                piece = Math.Max(0, _script.CutAtByte!.Value - _written);
            }

            if (_script.Step && _record is not null)
            {
                await _record.WaitForReleaseAsync(_context.RequestAborted);
            }

            await _output.WriteAsync(rest[..piece], _context.RequestAborted);
            await _output.FlushAsync(_context.RequestAborted);
            _bill?.MarkIdSent();
            _written += piece;
            _record?.CountBytes(piece);
            rest = rest[piece..];
            if (cut)
            {
                await CutAsync();
            }
            else if (_script.SplitInterval > TimeSpan.Zero && rest.Length > 0)
            {
                await PauseAsync(_script.SplitInterval);
            }
        }
    }

    /// <summary>Aborts the connection.</summary>
    public async Task CutAsync()
    {
        IsCut = true;
        await PauseAsync(BeforeCut);
        _record?.SetEnd(ReceivedEnd.Cut);
        _context.Abort();
    }

    /// <summary>Waits; <see cref="Timeout.InfiniteTimeSpan"/> waits without end. Throws as soon as the client disconnects.</summary>
    public Task PauseAsync(TimeSpan pause) => pause == TimeSpan.Zero ? Task.CompletedTask : Task.Delay(
        pause, _time, _context.RequestAborted);

    public async ValueTask DisposeAsync()
    {
        if (_output is GZipStream && !IsCut && !_context.RequestAborted.IsCancellationRequested)
        {
            await _output.DisposeAsync();
        }
    }
}
