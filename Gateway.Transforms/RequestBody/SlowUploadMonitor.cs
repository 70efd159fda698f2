namespace OpenRouterGateway.Transforms.RequestBody;

/// <summary>
/// Ends a slow upload while other bodies wait for memory. The server's minimum data rate is an average over the whole upload: an upload that
/// starts fast and then stalls would keep its reservation for days.
/// </summary>
internal sealed class SlowUploadMonitor : IAsyncDisposable
{
    /// <summary>The interval over which the rate is measured.</summary>
    internal static readonly TimeSpan Window = TimeSpan.FromSeconds(5);

    /// <summary>
    /// The minimum number of bytes that arrive in a <see cref="Window"/>: 32 KB a second. The rate does not depend on the announced length,
    /// with which a client could lower it, nor on the decoded length, with which a few compressed bytes could raise it.
    /// </summary>
    internal const int LeastPerWindow = 5 * 32 * 1024;

    private const int SamplesPerWindow = 5;

    private readonly RequestBodyMemory _memory;
    private readonly IUploadProgress _upload;
    private readonly CancellationTokenSource _stop;
    private readonly ITimer _timer;

    // The received bytes at the last samples of one window; a ring.
    private readonly long[] _received = new long[SamplesPerWindow];
    private int _samples;
    private volatile bool _isTooSlow;

    /// <summary>Starts to monitor an upload.</summary>
    /// <param name="memory">The memory that other bodies may wait for.</param>
    /// <param name="upload">The upload.</param>
    /// <param name="requestAborted">Cancels <see cref="Stopping"/> too.</param>
    public SlowUploadMonitor(RequestBodyMemory memory, IUploadProgress upload, CancellationToken requestAborted)
    {
        _memory = memory;
        _upload = upload;
        _received.AsSpan().Fill(upload.ReceivedBytes);
        _stop = CancellationTokenSource.CreateLinkedTokenSource(requestAborted);
        var period = Window / SamplesPerWindow;
        _timer = memory.Time.CreateTimer(static monitor => ((SlowUploadMonitor)monitor!).Sample(), this, period, period);
    }

    /// <summary>Cancels the current read: the client disconnected, or <see cref="IsTooSlow"/>.</summary>
    public CancellationToken Stopping => _stop.Token;

    /// <summary>Whether the upload was ended because it was too slow.</summary>
    public bool IsTooSlow => _isTooSlow;

    /// <inheritdoc />
    public async ValueTask DisposeAsync()
    {
        // Waits for a sample in progress.
        await _timer.DisposeAsync();
        _stop.Dispose();
    }

    private void Sample()
    {
        ref var oldest = ref _received[_samples++ % SamplesPerWindow];
        var received = _upload.ReceivedBytes;
        if (_samples >= SamplesPerWindow && received - oldest < LeastPerWindow && _memory.WaitingBodies > 0)
        {
            _isTooSlow = true;
            _stop.Cancel();
        }

        oldest = received;
    }
}
