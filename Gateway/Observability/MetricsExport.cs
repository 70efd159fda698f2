using System.Reflection;
using OpenTelemetry;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;

namespace Gateway.Observability;

/// <summary>
/// Exports metrics: to Prometheus at the admin address, and by OTLP if OpenTelemetry's variables ask for it. Without either there is no
/// provider, and instruments have no listener.
/// </summary>
internal static class MetricsExport
{
    private const string ServiceName = "openrouter-gateway";

    // Connections of both listeners. ASP.NET Core's request metrics would cost every request and know less than ours.
    private const string ConnectionsMeter = "Microsoft.AspNetCore.Server.Kestrel";

    /// <summary>The variables that enable OTLP; the exporter reads these and its other variables itself.</summary>
    public static IReadOnlyList<string> OtlpVariables { get; } = ["OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"];

    /// <summary>Whether the environment has an OTLP address.</summary>
    public static bool HasOtlpEndpoint(Func<string, string?> variable) => OtlpVariables.Any(name => !string.IsNullOrWhiteSpace(variable(name)));

    /// <summary>Starts the export.</summary>
    /// <param name="forPrometheus">Whether the admin address will be asked for <c>/metrics</c>.</param>
    /// <param name="variable">The environment.</param>
    /// <returns>The provider, or <see langword="null"/> without an export.</returns>
    public static MeterProvider? Start(bool forPrometheus, Func<string, string?> variable)
    {
        var forOtlp = HasOtlpEndpoint(variable);
        if (!forPrometheus && !forOtlp)
        {
            return null;
        }

        // Not registered with the host, whose configuration does not contain the OTEL_ variables.
        var builder = Sdk.CreateMeterProviderBuilder()
            .SetResourceBuilder(ResourceBuilder.CreateEmpty()
                .AddService(ServiceName, serviceVersion: Version())
                .AddTelemetrySdk()
                .AddEnvironmentVariableDetector())
            .AddMeter(GatewayMetrics.MeterName, ConnectionsMeter);
        if (forPrometheus)
        {
            builder.AddPrometheusExporter(static options => options.ScopeInfoEnabled = false);
        }

        if (forOtlp)
        {
            builder.AddOtlpExporter();
        }

        return builder.Build();
    }

    /// <summary>Serves scrapes at a path.</summary>
    public static void MapScrape(this IEndpointRouteBuilder endpoints, string path, MeterProvider provider) => endpoints
        .MapPrometheusScrapingEndpoint(path, provider, configureBranchedPipeline: null, optionsName: null)
        .WithMetadata(new HttpMethodMetadata([HttpMethods.Get, HttpMethods.Head]));

    private static string? Version() =>
        typeof(MetricsExport).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0];
}
