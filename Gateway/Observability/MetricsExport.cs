using System.Diagnostics.Metrics;
using OpenTelemetry;
using OpenTelemetry.Metrics;

namespace Gateway.Observability;

/// <summary>
/// Exports metrics, to Prometheus at the admin address and by OTLP if OpenTelemetry's environment variables configure it. Without either
/// there is no meter provider, and the instruments have no listener.
/// </summary>
internal static class MetricsExport
{
    // Connection metrics of both listeners. ASP.NET Core's request metrics are left out: they cost time per request and say less than the
    // gateway's metrics.
    private const string ConnectionsMeter = "Microsoft.AspNetCore.Server.Kestrel";

    // Three series for each budget. The library's limit, 2,000 series, is that of the other instruments.
    private const int MaxBudgetSeries = 3 * 10_000;

    /// <summary>
    /// Starts the export. It contains the gateway's metrics of one host: of several gateways in one process, each shows its own.
    /// </summary>
    /// <param name="meters">The host's factory of meters.</param>
    /// <param name="forPrometheus">Whether the admin address serves <c>/metrics</c>.</param>
    /// <param name="variable">Reads an environment variable.</param>
    /// <returns>The meter provider; <see langword="null"/> without an export.</returns>
    public static MeterProvider? Start(IMeterFactory meters, bool forPrometheus, Func<string, string?> variable)
    {
        var forOtlp = OtlpExport.IsConfigured(OtlpExport.Metrics, variable);
        if (!forPrometheus && !forOtlp)
        {
            return null;
        }

        // Not registered with the host, whose configuration does not contain the OTEL_ variables.
        var builder = Sdk.CreateMeterProviderBuilder()
            .SetResourceBuilder(OtlpExport.Resource())
            .AddMeter(GatewayMetrics.MeterName, ConnectionsMeter)
            .AddView(instrument => instrument.Meter.Name != GatewayMetrics.MeterName ? null
                : instrument.Meter.Scope != meters ? MetricStreamConfiguration.Drop
                : instrument.Name == ObservedMetrics.Budget ? new MetricStreamConfiguration { CardinalityLimit = MaxBudgetSeries }
                : null);
        if (forPrometheus)
        {
            builder.AddPrometheusExporter(static options => options.ScopeInfoEnabled = false);
        }

        if (forOtlp)
        {
            builder.AddOtlpExporter(options => OtlpExport.Configure(options, OtlpExport.Metrics, variable));
        }

        return builder.Build();
    }

    /// <summary>Serves Prometheus' scrapes at a path.</summary>
    public static IEndpointConventionBuilder MapScrape(this IEndpointRouteBuilder endpoints, string path, MeterProvider provider) => endpoints
        .MapPrometheusScrapingEndpoint(path, provider, configureBranchedPipeline: null, optionsName: null)
        .WithMetadata(new HttpMethodMetadata([HttpMethods.Get, HttpMethods.Head]));
}
