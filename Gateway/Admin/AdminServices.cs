using System.Diagnostics.Metrics;
using Gateway.Admission;
using Gateway.Attempts;
using Gateway.Configuration;
using Gateway.Configuration.Model;
using Gateway.Errors;
using Gateway.Ledger;
using Gateway.Limits;
using Gateway.Observability;
using Gateway.Prices;
using Gateway.Reports;
using Gateway.Requests;
using Gateway.Settlement;
using Gateway.Teams;
using Gateway.Workers;
using OpenRouterGateway.Transforms.RequestBody;
using OpenTelemetry.Metrics;
using OpenTelemetry.Trace;
using Yarp.ReverseProxy;

namespace Gateway.Admin;

/// <summary>Registers metrics, their export and the admin address.</summary>
internal static class AdminServices
{
    /// <summary>
    /// Adds <see cref="GatewayMetrics"/> and, if configured, their export and the admin listener. Services that must start after the
    /// listener are added after this call.
    /// </summary>
    /// <param name="services">The gateway's services.</param>
    /// <param name="admin">Section <c>Admin</c>, with the token itself in place of its reference.</param>
    /// <param name="ledger">Returns the ledger, or <see langword="null"/>; called at each use.</param>
    /// <param name="variable">Reads an environment variable, for OpenTelemetry's settings.</param>
    public static void AddGatewayAdmin(
        this IServiceCollection services, AdminSettings admin, Func<IServiceProvider, ValueTask<ILedgerStore?>> ledger, Func<string, string?> variable)
    {
        services.AddMetrics();
        services.AddSingleton(static provider =>
        {
            var metrics = new GatewayMetrics(provider.GetRequiredService<IMeterFactory>());
            var settings = provider.GetRequiredService<SettingsStore>();
            metrics.Observed.ObserveSettings(() => settings.State);
            var ledger = provider.GetRequiredService<LedgerWriter>();
            metrics.Observed.ObserveLedger(() => ledger.QueueLength, () => ledger.JournalSize, () => ledger.Failures, () => ledger.Dropped);
            var limits = provider.GetRequiredService<LimitStores>();
            metrics.Observed.ObserveLimitStore(() => limits.IsFailing);
            var bodies = provider.GetRequiredService<RequestBodyMemory>();
            metrics.Observed.ObserveBodies(() => bodies.HeldBytes, () => bodies.WaitingBodies);
            var connections = provider.GetRequiredService<ConnectionGate>();
            var requests = provider.GetRequiredService<RequestsInFlight>();
            metrics.Observed.ObserveCapacity(() => connections.Open, () => connections.Refused, () => connections.Limit, () => requests.Count);
            metrics.Observed.ObserveLog(() => provider.GetRequiredService<ConsoleSink>().Dropped);
            metrics.Observed.ObserveDrift(() => provider.GetRequiredService<UpstreamDrift>().Usd);
            metrics.Observed.ObserveBudgets(() => provider.GetRequiredService<BudgetLevels>().Current.Select(static level => (
                level.Team, level.KeyLabel, level.Limit.ApproximateUsd, level.Spent.ApproximateUsd, level.Reserved.ApproximateUsd)));
            metrics.Observed.ObserveDestinations(() => provider.GetRequiredService<LeftAloneDestinations>().Read());
            metrics.Observed.ObserveWorkers(provider.GetRequiredService<WorkerHealth>());
            return metrics;
        });

        var hasAdmin = !string.IsNullOrWhiteSpace(admin.Url);
        services.AddSingleton<KeyUses>();
        services.AddSingleton(new RecentRequests(hasAdmin ? admin.KeepRequests : 0));
        services.AddSingleton<GatewayTraces>();
        if (OtlpExport.IsConfigured(OtlpExport.Traces, variable))
        {
            services.AddSingleton(_ => TracesExport.Start(variable)!);
            services.AddHostedService<TracesStart>();
        }

        if (!hasAdmin && !OtlpExport.IsConfigured(OtlpExport.Metrics, variable))
        {
            return;
        }

        services.AddSingleton(provider => MetricsExport.Start(
            provider.GetRequiredService<IMeterFactory>(), hasAdmin, variable)!);
        services.AddHostedService<MetricsStart>();
        if (hasAdmin)
        {
            services.AddSingleton(provider => new AdminHost(
                admin,
                provider.GetRequiredService<SettingsStore>(),
                new RequestsEndpoint(
                    new RequestLookup(provider.GetRequiredService<RecentRequests>(), () => LookupAsync(ledger(provider))),
                    provider.GetRequiredService<TimeProvider>(),
                    provider.GetRequiredService<ILogger<RequestsEndpoint>>()),
                new TeamsEndpoint(
                    provider.GetRequiredService<SettingsStore>(),
                    () => provider.GetRequiredService<LimitStores>().BudgetPreview,
                    () => provider.GetRequiredService<LimitStores>().LimitPreview,
                    provider.GetRequiredService<KeyUses>(),
                    () => LookupAsync(ledger(provider)),
                    provider.GetRequiredService<TimeProvider>(),
                    provider.GetRequiredService<ILogger<TeamsEndpoint>>()),
                ExplainOf(provider),
                () => ledger(provider),
                () => provider.GetRequiredService<LimitStores>().Fault,
                provider.GetRequiredService<MeterProvider>(),
                provider.GetRequiredService<TimeProvider>(),
                provider.GetRequiredService<ILoggerFactory>()));
            services.AddHostedService(static provider => provider.GetRequiredService<AdminHost>());
        }
    }

    // Both stores look up requests.
    private static async ValueTask<ILedgerLookup?> LookupAsync(ValueTask<ILedgerStore?> ledger) => (ILedgerLookup?)await ledger;

    private static ExplainEndpoint ExplainOf(IServiceProvider provider)
    {
        var stores = provider.GetRequiredService<LimitStores>();
        var time = provider.GetRequiredService<TimeProvider>();
        var clusters = provider.GetRequiredService<IProxyStateLookup>();
        var outages = provider.GetRequiredService<DestinationOutages>();
        var inFlight = provider.GetRequiredService<RequestsInFlight>();
        var bodies = provider.GetRequiredService<RequestBodyMemory>();
        var ledger = provider.GetRequiredService<LedgerWriter>();
        return new ExplainEndpoint(
            provider.GetRequiredService<SettingsStore>(),
            provider.GetRequiredService<PriceListStore>().For,
            new AdmissionPreview(stores.LimitPreview, stores.BudgetPreview, time) { IsLedgerFailing = () => ledger.IsFailing },
            new GatewayState(
                () => inFlight.IsFull,
                route => route.ClusterId is { } id && clusters.TryGetCluster(id, out var cluster)
                    && cluster.DestinationsState is { AvailableDestinations.Count: 0 } state
                        ? GatewayError.NoDestination(outages.RetryAfter(state.AllDestinations))
                        : null,
                (team, length) => bodies.WouldReject((object?)team ?? new object(), length)),
            time);
    }

    /// <summary>Creates the tracer provider at the start: spans are recorded from then on.</summary>
    private sealed class TracesStart(TracerProvider export) : IHostedService
    {
        public Task StartAsync(CancellationToken cancellationToken)
        {
            _ = export;
            return Task.CompletedTask;
        }

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }

    /// <summary>Creates the instruments at the start: gauges are exported from then on.</summary>
    private sealed class MetricsStart(GatewayMetrics metrics, MeterProvider export) : IHostedService
    {
        public Task StartAsync(CancellationToken cancellationToken)
        {
            _ = (metrics, export);
            return Task.CompletedTask;
        }

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
