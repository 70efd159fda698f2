using Gateway.Configuration.Model;
using Gateway.Primitives;

namespace Gateway.Ledger;

/// <summary>Removes rows that are older than they are kept for, every hour. A ledger that nobody has written to is left closed.</summary>
internal sealed partial class LedgerMaintenance(
    ILedgerStore store,
    LedgerWriter writer,
    UsageSettings settings,
    TimeProvider time,
    ILogger<LedgerMaintenance> logger) : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromHours(1);

    // The first look is soon, for processes that never get to live for an hour.
    private static readonly TimeSpan FirstLook = TimeSpan.FromMinutes(1);

    // Between two chunks, for those who want to write.
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(50);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (settings.Retention <= TimeSpan.Zero)
        {
            return;
        }

        try
        {
            await Task.Delay(FirstLook, time, stoppingToken);
            using var timer = new PeriodicTimer(Interval, time);
            do
            {
                if (writer.IsOpen)
                {
                    await RemoveAsync(stoppingToken);
                }
            }
            while (await timer.WaitForNextTickAsync(stoppingToken));
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The program stops.
        }
    }

    private async Task RemoveAsync(CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        if (now - DateTimeOffset.UnixEpoch <= settings.Retention)
        {
            return;
        }

        var total = 0;
        try
        {
            while (await store.RemoveBeforeAsync(now - settings.Retention, cancellationToken) is > 0 and var removed)
            {
                total += removed;
                await Task.Delay(Pause, time, cancellationToken);
            }
        }
        catch (LedgerException exception)
        {
            Log.RetentionFailed(logger, exception.Message);
        }

        if (total > 0)
        {
            Log.RowsRemoved(logger, total, settings.Retention);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(
            LogEvents.LedgerRowsRemoved, LogLevel.Information, "{Count} rows of the ledger were older than {Retention} and are removed")]
        public static partial void RowsRemoved(ILogger logger, int count, TimeSpan retention);

        [LoggerMessage(LogEvents.LedgerRetentionFailed, LogLevel.Warning, "Old rows of the ledger are not removed: {Reason}")]
        public static partial void RetentionFailed(ILogger logger, string reason);
    }
}
