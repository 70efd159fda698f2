using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using Gateway.Alerts;
using Gateway.Configuration;
using Gateway.Ledger;
using Gateway.Limits;
using Gateway.Observability;
using Gateway.Tests.Support;
using Gateway.Workers;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Gateway.Tests.Gateway.Alerts;

/// <summary>The alerts of one process: its workers, over a ledger that it owns.</summary>
internal sealed class AlertNode : IAsyncDisposable
{
    private readonly ServiceProvider _services = new ServiceCollection().AddMetrics().BuildServiceProvider();
    private readonly LedgerWriter _writer;
    private readonly AlertClient _client;
    private readonly GatewayMetrics _metrics;
    private readonly ILoggerFactory _loggers;
    private readonly AlertRaiser _raiser;
    private readonly AlertPoster _poster;
    private readonly MeterListener _listener = new();
    private readonly ConcurrentQueue<string> _outcomes = new();
    private bool _isStopped;

    private AlertNode(
        ILedgerStore store, SettingsStore settings, IBudgetPreview budgets, TimeProvider time, TimeProvider postTime, CollectedLogs logs)
    {
        _writer = new LedgerWriter(store, time, NullLogger<LedgerWriter>.Instance);
        _client = new AlertClient(postTime);
        var meters = _services.GetRequiredService<IMeterFactory>();
        _metrics = new GatewayMetrics(meters);
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Name == "gateway.alerts" && ReferenceEquals(instrument.Meter.Scope, meters))
            {
                listener.EnableMeasurementEvents(instrument);
            }
        };
        _listener.SetMeasurementEventCallback<long>((_, _, tags, _) => _outcomes.Enqueue((string)tags[1].Value!));
        _listener.Start();
        _loggers = LoggerFactory.Create(builder => builder.AddProvider(logs).SetMinimumLevel(LogLevel.Trace));
        _poster = new AlertPoster(settings, _writer, store, _client, _metrics, Health, time, _loggers.CreateLogger<AlertPoster>());
        _raiser = new AlertRaiser(settings, _writer, store, budgets, Signals, _poster, Health, time, _loggers.CreateLogger<AlertRaiser>());
    }

    public AlertSignals Signals { get; } = new();

    /// <summary>The outcomes of posts, as the metric has them.</summary>
    public IReadOnlyCollection<string> Outcomes => _outcomes;

    public WorkerHealth Health { get; } = new();

    public static async Task<AlertNode> StartAsync(
        ILedgerStore store, SettingsStore settings, IBudgetPreview budgets, TimeProvider time, TimeProvider postTime, CollectedLogs logs)
    {
        var node = new AlertNode(store, settings, budgets, time, postTime, logs);
        await node._writer.EnsureOpenAsync(CancellationToken.None);
        await node._poster.StartAsync(CancellationToken.None);
        await node._raiser.StartAsync(CancellationToken.None);
        return node;
    }

    /// <summary>Starts turns of the workers, as their periods do.</summary>
    public void Wake()
    {
        _raiser.Wake();
        _poster.Wake();
    }

    /// <summary>Stops the workers, as a shutdown does.</summary>
    public async Task StopAsync()
    {
        if (!_isStopped)
        {
            _isStopped = true;
            await _raiser.StopAsync(CancellationToken.None).GuardAsync();
            await _poster.StopAsync(CancellationToken.None).GuardAsync();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        _raiser.Dispose();
        _poster.Dispose();
        await _writer.DisposeAsync();
        _client.Dispose();
        _listener.Dispose();
        _metrics.Dispose();
        _loggers.Dispose();
        await _services.DisposeAsync();
    }
}
