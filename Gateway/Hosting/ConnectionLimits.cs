using Gateway.Configuration;
using Gateway.Primitives;
using Gateway.Requests;

namespace Gateway.Hosting;

/// <summary>
/// Sets the limits of connections and of requests in flight: by <c>Server:Limits:MaxConnections</c>, or by the number that the file
/// descriptors allow once the program has started. HTTP/2 connections carry many requests, so these have a limit of their own.
/// </summary>
internal sealed partial class ConnectionLimits : IHostedService
{
    private readonly ConnectionGate _gate;
    private readonly RequestsInFlight _inFlight;
    private readonly long? _configured;
    private readonly ILogger<ConnectionLimits> _logger;

    public ConnectionLimits(
        SettingsStore settings, ConnectionGate gate, RequestsInFlight inFlight, IHostApplicationLifetime lifetime, ILogger<ConnectionLimits> logger)
    {
        _gate = gate;
        _inFlight = inFlight;
        _configured = settings.Current.Settings.Server.Limits.MaxConnections;
        _logger = logger;

        // For connections that arrive before the start is complete.
        Apply(OpenFiles.Read());
        lifetime.ApplicationStarted.Register(ApplyAndReport);
    }

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    private void Apply(OpenFiles? files)
    {
        var allowed = files?.AllowedConnections ?? OpenFiles.MostConnections;
        _gate.Limit = _configured switch
        {
            null => allowed,
            0 => int.MaxValue,
            { } configured => (int)Math.Min(configured, int.MaxValue),
        };
        _inFlight.Limit = files is null ? int.MaxValue : allowed;
    }

    private void ApplyAndReport()
    {
        var read = OpenFiles.Read();
        Apply(read);
        if (read is not { AllowedConnections: < OpenFiles.MostConnections } files)
        {
            return;
        }

        Log.DescriptorsAreFew(_logger, files.AllowedConnections, files.Limit, files.InUse);
        if (_gate.Limit > files.AllowedConnections)
        {
            Log.ConnectionLimitIsTooHigh(_logger, _configured!.Value);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(
            LogEvents.DescriptorsAreFew,
            LogLevel.Warning,
            "File descriptors allow {Allowed} connections and as many requests in flight: {Limit} may be open and {InUse} are. "
            + "Raise the limit of open files (ulimit -n, LimitNOFILE) for more")]
        public static partial void DescriptorsAreFew(ILogger logger, int allowed, long limit, long inUse);

        [LoggerMessage(
            LogEvents.ConnectionLimitIsTooHigh,
            LogLevel.Warning,
            "Server:Limits:MaxConnections is {Configured}, which is more than the file descriptors allow: the gateway may run out of them")]
        public static partial void ConnectionLimitIsTooHigh(ILogger logger, long configured);
    }
}
