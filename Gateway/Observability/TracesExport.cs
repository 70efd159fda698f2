using OpenTelemetry;
using OpenTelemetry.Trace;

namespace Gateway.Observability;

/// <summary>
/// Exports traces by OTLP if OpenTelemetry's environment variables configure it. Without an export nothing listens, and no span is created.
/// </summary>
internal static class TracesExport
{
    /// <summary>Starts the export.</summary>
    /// <param name="variable">Reads an environment variable.</param>
    /// <returns>The tracer provider; <see langword="null"/> without an export.</returns>
    public static TracerProvider? Start(Func<string, string?> variable) => OtlpExport.IsConfigured(OtlpExport.Traces, variable)
        ? Sdk.CreateTracerProviderBuilder()
            .SetResourceBuilder(OtlpExport.Resource())
            .AddSource(GatewayTraces.SourceName)
            .AddOtlpExporter(options => OtlpExport.Configure(options, OtlpExport.Traces, variable))
            .Build()
        : null;
}
