namespace Gateway.Hosting;

/// <summary>
/// Returns the memory of the start to the system. Loading settings and building routes leaves some ten megabytes of garbage, which a mostly
/// idle gateway would keep for hours without a collection.
/// </summary>
internal sealed class StartupMemoryTrimmer(IHostApplicationLifetime lifetime, TimeProvider time) : BackgroundService
{
    // Delayed, so that the pause of some milliseconds does not fall on the first requests.
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
            // The program stops before the delay is over.
            return;
        }

        GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
    }
}
