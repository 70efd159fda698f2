using System.Reflection;
using OpenTelemetry;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;

namespace Gateway.Observability;

/// <summary>
/// Where metrics go: to Prometheus at the admin address, and by OTLP where OpenTelemetry's own variables say so. Without either there
/// is no provider, and instruments are not listened to.
/// </summary>
internal static class MetricsExport
{
    private const string ServiceName = "openrouter-gateway";

    // Connections of both listeners. The request metrics of ASP.NET Core would cost every request and know less than ours.
    private const string ConnectionsMeter = "Microsoft.AspNetCore.Server.Kestrel";

    /// <summary>The variables that switch OTLP on; the exporter reads them, and its others, by itself.</summary>
    public static IReadOnlyList<string> OtlpVariables { get; } = ["OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"];

    /// <summary>Whether the environment names an address for OTLP.</summary>
    public static bool HasOtlpEndpoint(Func<string, string?> variable) => OtlpVariables.Any(name => !string.IsNullOrWhiteSpace(variable(name)));

    /// <summary>Starts to listen to the instruments.</summary>
    /// <param name="forPrometheus">Whether the admin address will be asked for <c>/metrics</c>.</param>
    /// <param name="variable">The environment.</param>
    /// <returns>The provider, or <see langword="null"/> when nobody would see what it gathers.</returns>
    public static MeterProvider? Start(bool forPrometheus, Func<string, string?> variable)
    {
        var forOtlp = HasOtlpEndpoint(variable);
        if (!forPrometheus && !forOtlp)
        {
            return null;
        }

        // Apart from the host: its configuration is the gateway's own and does not hold the OTEL_ variables.
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

    /// <summary>Answers scrapes at a path.</summary>
    public static void MapScrape(this IEndpointRouteBuilder endpoints, string path, MeterProvider provider) => endpoints
        .MapPrometheusScrapingEndpoint(path, provider, configureBranchedPipeline: null, optionsName: null)
        .WithMetadata(new HttpMethodMetadata([HttpMethods.Get, HttpMethods.Head]));

    private static string? Version() =>
        typeof(MetricsExport).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0];
}
