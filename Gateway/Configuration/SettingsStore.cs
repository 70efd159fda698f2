using System.Runtime.CompilerServices;
using Gateway.Configuration.Reading;
using Gateway.Configuration.Schema;
using Gateway.Primitives;
using Yarp.ReverseProxy.Configuration;

namespace Gateway.Configuration;

/// <summary>
/// Holds the current settings and replaces them atomically: first YARP's routes and clusters, if they changed, then rules and values with
/// one reference write. While YARP applies new routes, requests match old and new ones concurrently; <see cref="ForRoute"/> returns the
/// snapshot that belongs to a route.
/// </summary>
internal sealed partial class SettingsStore : IConfigChangeListener, IDisposable
{
    /// <summary>YARP applies a configuration within milliseconds. The timeout keeps a reload from waiting forever.</summary>
    private static readonly TimeSpan ApplyTimeout = TimeSpan.FromMinutes(1);

    private readonly TimeProvider _time;
    private readonly ILogger<SettingsStore> _logger;
    private readonly InMemoryConfigProvider _proxyConfig;
    private readonly SettingsSnapshot _started;
    private readonly SemaphoreSlim _publishing = new(1, 1);
    private volatile SettingsSnapshot _current;
    private readonly ConditionalWeakTable<RouteConfig, RoutesInYarp> _routes = [];
    private RoutesInYarp _inYarp;
    private volatile SettingsState _state;
    private volatile Applying? _applying;

    /// <summary>Creates a store with the snapshot of the start.</summary>
    public SettingsStore(SettingsSnapshot snapshot, TimeProvider time, ILogger<SettingsStore> logger)
    {
        _time = time;
        _logger = logger;
        _current = snapshot;
        _inYarp = Own(snapshot);
        _started = snapshot;
        _state = new SettingsState { Version = snapshot.Version, LoadedAt = time.GetUtcNow() };
        _proxyConfig = new InMemoryConfigProvider(snapshot.Routes, snapshot.Clusters, snapshot.RoutesVersion);
    }

    /// <summary>Raised after new settings took effect, on the thread of the reload. Handlers must not throw.</summary>
    public event Action<SettingsSnapshot>? Changed;

    /// <summary>The current settings.</summary>
    public SettingsSnapshot Current => _current;

    /// <summary>The state for the health page.</summary>
    public SettingsState State => _state;

    /// <summary>Routes and clusters for YARP. Register the value as YARP's provider, and this store as a listener.</summary>
    public IProxyConfigProvider ProxyConfig => _proxyConfig;

    /// <summary>The newest snapshot for requests that matched <paramref name="route"/>.</summary>
    public SettingsSnapshot ForRoute(RouteConfig route) => _routes.TryGetValue(route, out var routes) ? routes.Newest : _current;

    /// <summary>Applies a new snapshot completely, or not at all.</summary>
    /// <returns>Whether the snapshot took effect. If not, <see cref="State"/> has the reason and the current snapshot stays.</returns>
    public async Task<bool> PublishAsync(SettingsSnapshot next, CancellationToken cancellationToken)
    {
        await _publishing.WaitAsync(cancellationToken);
        try
        {
            if (next.RoutesVersion == _current.RoutesVersion)
            {
                _inYarp.Newest = next;
            }
            else
            {
                // Registered before YARP receives the routes, so the first request on a new route finds its rules.
                var routes = Own(next);
                if (await ApplyAsync(routes, cancellationToken) is { } fault)
                {
                    // YARP may have applied some of the routes.
                    await ApplyAsync(_inYarp, CancellationToken.None);
                    Reject([new SettingsFault(SettingsSchema.ReverseProxy, fault)]);
                    return false;
                }

                _inYarp = routes;
            }

            var known = _current;
            _current = next;
            Accept(next, known);
        }
        finally
        {
            _publishing.Release();
        }

        Changed?.Invoke(next);
        return true;
    }

    /// <summary>Records a rejected change. The current settings stay.</summary>
    public void Reject(IReadOnlyList<SettingsFault> faults)
    {
        _state = _state with { LastReloadAt = _time.GetUtcNow(), LastReloadSucceeded = false, Faults = faults };
        foreach (var fault in faults)
        {
            Log.SettingsRejected(_logger, fault.Path, fault.Message, _current.Version);
        }
    }

    /// <inheritdoc />
    public void ConfigurationLoadingFailed(IProxyConfigProvider configProvider, Exception exception)
    {
        if (ReferenceEquals(configProvider, _proxyConfig))
        {
            _applying?.End(exception);
        }
    }

    /// <inheritdoc />
    public void ConfigurationLoaded(IReadOnlyList<IProxyConfig> proxyConfigs)
    {
    }

    /// <inheritdoc />
    public void ConfigurationApplyingFailed(IReadOnlyList<IProxyConfig> proxyConfigs, Exception exception) =>
        _applying?.End(proxyConfigs, exception);

    /// <inheritdoc />
    public void ConfigurationApplied(IReadOnlyList<IProxyConfig> proxyConfigs) => _applying?.End(proxyConfigs, null);

    /// <inheritdoc />
    public void Dispose() => _publishing.Dispose();

    /// <summary>Passes routes and clusters to YARP and waits until it has applied them.</summary>
    /// <returns>The fault, or <see langword="null"/>.</returns>
    private async Task<string?> ApplyAsync(RoutesInYarp routes, CancellationToken cancellationToken)
    {
        // Each application has a new revision, so that a return to earlier routes is not confused with their first application.
        var applying = new Applying(Guid.NewGuid().ToString("N"));
        _applying = applying;
        try
        {
            _proxyConfig.Update(routes.Routes, routes.Clusters, applying.Revision);
            await applying.Ended.WaitAsync(ApplyTimeout, _time, cancellationToken);
            return null;
        }
        catch (Exception fault) when (fault is not OperationCanceledException)
        {
            var inner = fault is AggregateException { InnerExceptions: [var first, ..] } ? first : fault;
            return "YARP did not apply the routes: " + inner.Message.ReplaceLineEndings(" ").TrimEnd('.');
        }
        finally
        {
            _applying = null;
        }
    }

    private RoutesInYarp Own(SettingsSnapshot snapshot)
    {
        var routes = new RoutesInYarp(snapshot);
        foreach (var route in routes.Routes)
        {
            _routes.AddOrUpdate(route, routes);
        }

        return routes;
    }

    /// <param name="next">The new settings.</param>
    /// <param name="known">The previous settings. Their warnings and faults were logged before and are not repeated.</param>
    private void Accept(SettingsSnapshot next, SettingsSnapshot known)
    {
        var now = _time.GetUtcNow();
        var restart = RestartOnlySettings.Changed(_started, next);
        var isNews = !restart.SequenceEqual(_state.RestartRequired);
        _state = new SettingsState
        {
            Version = next.Version,
            LoadedAt = now,
            LastReloadAt = now,
            LastReloadSucceeded = next.TeamFaults.Count == 0,
            Faults = next.TeamFaults,
            RestartRequired = restart,
        };

        Log.SettingsApplied(_logger, next.Version, next.RoutesVersion);
        foreach (var fault in next.TeamFaults.Except(known.TeamFaults))
        {
            Log.TeamFileRejected(_logger, fault.Path, fault.Message);
        }

        foreach (var warning in next.Warnings.Except(known.Warnings))
        {
            Log.SettingWarned(_logger, warning.Path, warning.Message);
        }

        if (isNews && restart.Count > 0)
        {
            Log.RestartRequired(_logger, string.Join(", ", restart));
        }
    }

    /// <summary>
    /// The routes that YARP has. Keyed weakly by <see cref="RouteConfig"/>: a snapshot stays alive as long as a request in flight
    /// references a route from it.
    /// </summary>
    private sealed class RoutesInYarp(SettingsSnapshot snapshot)
    {
        private volatile SettingsSnapshot _newest = snapshot;

        public IReadOnlyList<RouteConfig> Routes { get; } = snapshot.Routes;

        public IReadOnlyList<ClusterConfig> Clusters { get; } = snapshot.Clusters;

        /// <summary>The newest snapshot with these routes.</summary>
        public SettingsSnapshot Newest
        {
            get => _newest;
            set => _newest = value;
        }
    }

    /// <summary>A change of YARP's configuration in progress.</summary>
    private sealed class Applying(string revision)
    {
        private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public string Revision => revision;

        public Task Ended => _ended.Task;

        public void End(IReadOnlyList<IProxyConfig> configs, Exception? fault)
        {
            if (configs.Any(config => config.RevisionId == revision))
            {
                End(fault);
            }
        }

        public void End(Exception? fault)
        {
            if (fault is null)
            {
                _ended.TrySetResult();
            }
            else
            {
                _ended.TrySetException(fault);
            }
        }
    }

    private static partial class Log
    {
        [LoggerMessage(LogEvents.SettingsApplied, LogLevel.Information, "Settings {Version} applied (routes {RoutesVersion})")]
        public static partial void SettingsApplied(ILogger logger, string version, string routesVersion);

        [LoggerMessage(LogEvents.SettingsRejected, LogLevel.Error, "Settings rejected: {Path}: {Fault}; {Version} stays in effect")]
        public static partial void SettingsRejected(ILogger logger, string path, string fault, string version);

        [LoggerMessage(
            LogEvents.TeamFileRejected, LogLevel.Error, "Team file rejected: {Path}: {Fault}; its team keeps its last good state, the others are reloaded")]
        public static partial void TeamFileRejected(ILogger logger, string path, string fault);

        [LoggerMessage(LogEvents.SettingWarned, LogLevel.Warning, "{Path}: {Warning}")]
        public static partial void SettingWarned(ILogger logger, string path, string warning);

        [LoggerMessage(LogEvents.RestartRequired, LogLevel.Warning, "These settings take effect after a restart: {Settings}")]
        public static partial void RestartRequired(ILogger logger, string settings);
    }
}
