namespace OpenRouterGateway.Transforms.RequestBody;

/// <summary>
/// Watches an upload that holds a place while others wait for one. The server's own rule knows averages only: an upload that is quick
/// first and stalls then would hold its place for days.
/// </summary>
internal sealed class SlowUploadMonitor : IAsyncDisposable
{
    /// <summary>Over how long an upload is judged, again and again: enough for a tunnel.</summary>
    internal static readonly TimeSpan Window = TimeSpan.FromSeconds(30);

    /// <summary>How long an upload may take by its pace: the time that OpenAI's clients give a request in all.</summary>
    internal static readonly TimeSpan LongestUpload = TimeSpan.FromMinutes(10);

    private readonly RequestBodyMemory _memory;
    private readonly BodyBuffer _body;
    private readonly long _leastAWindow;
    private readonly CancellationTokenSource _stop;
    private readonly ITimer _timer;
    private long _seen;
    private volatile bool _isTooSlow;

    /// <summary>Begins to watch.</summary>
    /// <param name="memory">Where others may wait.</param>
    /// <param name="body">The body that is being read.</param>
    /// <param name="requestAborted">Ends the upload as well.</param>
    public SlowUploadMonitor(RequestBodyMemory memory, BodyBuffer body, CancellationToken requestAborted)
    {
        _memory = memory;
        _body = body;
        _leastAWindow = (long)(body.Place * (Window / LongestUpload));
        _seen = body.Length;
        _stop = CancellationTokenSource.CreateLinkedTokenSource(requestAborted);
        _timer = memory.Time.CreateTimer(static pace => ((SlowUploadMonitor)pace!).Judge(), this, Window, Window);
    }

    /// <summary>Ends the read that is under way: the client left, or <see cref="IsTooSlow"/>.</summary>
    public CancellationToken Stopping => _stop.Token;

    /// <summary>Whether the upload has lost its place.</summary>
    public bool IsTooSlow => _isTooSlow;

    /// <inheritdoc />
    public async ValueTask DisposeAsync()
    {
        // Waits for a verdict that is under way.
        await _timer.DisposeAsync();
        _stop.Dispose();
    }

    private void Judge()
    {
        var length = _body.Length;
        if (length - _seen < _leastAWindow && _memory.WaitingBodies > 0)
        {
            _isTooSlow = true;
            _stop.Cancel();
        }

        _seen = length;
    }
}
