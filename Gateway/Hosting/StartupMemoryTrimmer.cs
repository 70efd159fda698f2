namespace Gateway.Hosting;

/// <summary>
/// Returns start-up memory to the system. Loading settings and building routes leaves about ten megabytes of garbage, which a mostly idle
/// gateway would keep for hours without a collection.
/// </summary>
internal sealed class StartupMemoryTrimmer(IHostApplicationLifetime lifetime, TimeProvider time) : BackgroundService
{
    // The delay keeps the pause of a few milliseconds away from the first requests.
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
            // The host stopped before the end of the delay.
            return;
        }

        GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
    }
}
