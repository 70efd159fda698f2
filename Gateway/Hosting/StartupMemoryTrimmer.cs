namespace Gateway.Hosting;

/// <summary>
/// Gives back what the start has used. Settings read, rules compiled and routes built leave some ten megabytes behind, which a gateway
/// with little to do would keep for hours: nothing else makes its collector look at them.
/// </summary>
internal sealed class StartupMemoryTrimmer(IHostApplicationLifetime lifetime, TimeProvider time) : BackgroundService
{
    // The first requests are not to wait for it: it holds everything up for some milliseconds.
    private static readonly TimeSpan Delay = TimeSpan.FromMilliseconds(100);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var started = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var registration = lifetime.ApplicationStarted.Register(started.SetResult);
        try
        {
            await started.Task.WaitAsync(stoppingToken);
            await Task.Delay(Delay, time, stoppingToken);
        }
        catch (OperationCanceledException)
        {
            // It stops before it has started.
            return;
        }

        GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
    }
}
