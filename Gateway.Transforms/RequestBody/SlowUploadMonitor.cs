namespace OpenRouterGateway.Transforms.RequestBody;

/// <summary>
/// Ends a slow upload while other bodies wait for memory. Kestrel's minimum data rate is an average over the whole upload: an upload that
/// starts fast and then stalls would keep its reservation for days.
/// </summary>
internal sealed class SlowUploadMonitor : IAsyncDisposable
{
    /// <summary>The interval over which the rate is measured: long enough for a short loss of signal.</summary>
    internal static readonly TimeSpan Window = TimeSpan.FromSeconds(30);

    /// <summary>
    /// The longest acceptable duration of an upload, which defines the minimum rate: the request timeout of OpenAI's clients.
    /// </summary>
    internal static readonly TimeSpan LongestUpload = TimeSpan.FromMinutes(10);

    private readonly RequestBodyMemory _memory;
    private readonly BodyBuffer _body;
    private readonly long _minPerWindow;
    private readonly CancellationTokenSource _stop;
    private readonly ITimer _timer;
    private long _lastLength;
    private volatile bool _isTooSlow;

    /// <summary>Starts to monitor an upload.</summary>
    /// <param name="memory">The memory budget that other bodies may wait for.</param>
    /// <param name="body">The body that is uploaded.</param>
    /// <param name="requestAborted">Cancels <see cref="Stopping"/> too.</param>
    public SlowUploadMonitor(RequestBodyMemory memory, BodyBuffer body, CancellationToken requestAborted)
    {
        _memory = memory;
        _body = body;
        _minPerWindow = (long)(body.Reserved * (Window / LongestUpload));
        _lastLength = body.Length;
        _stop = CancellationTokenSource.CreateLinkedTokenSource(requestAborted);
        _timer = memory.Time.CreateTimer(static monitor => ((SlowUploadMonitor)monitor!).Check(), this, Window, Window);
    }

    /// <summary>Cancels the current read: the client disconnected, or <see cref="IsTooSlow"/>.</summary>
    public CancellationToken Stopping => _stop.Token;

    /// <summary>Whether the upload was ended because it was too slow.</summary>
    public bool IsTooSlow => _isTooSlow;

    /// <inheritdoc />
    public async ValueTask DisposeAsync()
    {
        // Waits for a check in progress.
        await _timer.DisposeAsync();
        _stop.Dispose();
    }

    private void Check()
    {
        var length = _body.Length;
        if (length - _lastLength < _minPerWindow && _memory.WaitingBodies > 0)
        {
            _isTooSlow = true;
            _stop.Cancel();
        }

        _lastLength = length;
    }
}
