using Gateway.Configuration;
using Gateway.Primitives;
using Gateway.Requests;

namespace Gateway.Hosting;

/// <summary>
/// Cuts the requests in flight when the gateway is stopping and their time, <c>ShutdownDelay</c> and <c>ShutdownTimeout</c>, is over. Kestrel
/// would abort the connections, which clients and log cannot tell from other failures.
/// </summary>
internal sealed partial class RequestDrain : IHostedService, IDisposable
{
    private readonly RequestsInFlight _inFlight;
    private readonly ILogger<RequestDrain> _logger;
    private readonly ITimer _timer;
    private readonly CancellationTokenRegistration _stopping;

    public RequestDrain(
        SettingsStore settings, RequestsInFlight inFlight, IHostApplicationLifetime lifetime, TimeProvider time, ILogger<RequestDrain> logger)
    {
        _inFlight = inFlight;
        _logger = logger;
        var server = settings.Current.Settings.Server;
        TimeToFinish = server.ShutdownDelay + server.ShutdownTimeout;
        _timer = time.CreateTimer(static drain => ((RequestDrain)drain!).Cut(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        _stopping = lifetime.ApplicationStopping.Register(() => _timer.Change(TimeToFinish, Timeout.InfiniteTimeSpan));
    }

    /// <summary>The time that requests in flight have from the request to stop.</summary>
    public TimeSpan TimeToFinish { get; }

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public void Dispose()
    {
        _stopping.Dispose();
        _timer.Dispose();
    }

    private void Cut()
    {
        if (_inFlight.Count is > 0 and var count)
        {
            Log.RequestsCut(_logger, count);
        }

        _inFlight.CutAll();
    }

    private static partial class Log
    {
        [LoggerMessage(LogEvents.RequestsCut, LogLevel.Warning, "The time to finish is over: {InFlight} requests are cut")]
        public static partial void RequestsCut(ILogger logger, int inFlight);
    }
}
