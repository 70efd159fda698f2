using System.Globalization;
using System.Reflection;
using OpenTelemetry.Exporter;
using OpenTelemetry.Resources;

namespace Gateway.Observability;

/// <summary>
/// Configures the exports by OTLP from OpenTelemetry's environment variables. The exporters read the general variables by themselves, but not
/// those of one signal.
/// </summary>
/// <remarks>
/// The variables of a signal win over the general ones, and its endpoint is used as it is:
/// https://opentelemetry.io/docs/specs/otel/protocol/exporter/.
/// </remarks>
internal static class OtlpExport
{
    public const string Metrics = "METRICS";
    public const string Traces = "TRACES";

    private const string ServiceName = "openrouter-gateway";

    /// <summary>The variables that enable a signal.</summary>
    public static IReadOnlyList<string> EndpointVariables(string signal) =>
        [$"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"];

    /// <summary>The variable that disables a signal by <c>none</c>.</summary>
    public static string ExporterVariable(string signal) => $"OTEL_{signal}_EXPORTER";

    /// <summary>Whether a signal is exported.</summary>
    public static bool IsConfigured(string signal, Func<string, string?> variable) =>
        EndpointVariables(signal).Any(name => !string.IsNullOrWhiteSpace(variable(name)))
        && !Is(variable(ExporterVariable(signal)), "none")
        && !Is(variable("OTEL_SDK_DISABLED"), "true");

    /// <summary>Applies the variables of one signal. A value that cannot be read is ignored, as the specification demands.</summary>
    public static void Configure(OtlpExporterOptions options, string signal, Func<string, string?> variable)
    {
        if (Of("PROTOCOL") is { } protocol)
        {
            options.Protocol = Is(protocol, "grpc") ? OtlpExportProtocol.Grpc
                : Is(protocol, "http/protobuf") ? OtlpExportProtocol.HttpProtobuf
                : options.Protocol;
        }

        if (Uri.TryCreate(Of("ENDPOINT"), UriKind.Absolute, out var endpoint))
        {
            options.Endpoint = endpoint;
        }

        if (Of("HEADERS") is { } headers)
        {
            options.Headers = headers;
        }

        // The exporter would throw.
        if (!AreHeaders(options.Headers))
        {
            options.Headers = null;
        }

        if (int.TryParse(Of("TIMEOUT"), NumberStyles.None, CultureInfo.InvariantCulture, out var timeout))
        {
            options.TimeoutMilliseconds = timeout;
        }

        string? Of(string name) => variable($"OTEL_EXPORTER_OTLP_{signal}_{name}") is { } value && !string.IsNullOrWhiteSpace(value)
            ? value.Trim()
            : null;
    }

    /// <summary>The description of this program in the exports.</summary>
    public static ResourceBuilder Resource() => ResourceBuilder.CreateEmpty()
        .AddService(ServiceName, serviceVersion: Version())
        .AddTelemetrySdk()
        .AddEnvironmentVariableDetector();

    /// <summary>
    /// Whether the exporter reads a text as headers: <c>name=value</c> with commas between, https://opentelemetry.io/docs/specs/otel/protocol/exporter/.
    /// It takes one comma at the end, and throws for a name that occurs twice or is its own.
    /// </summary>
    private static bool AreHeaders(string? text)
    {
        if (string.IsNullOrEmpty(text))
        {
            return true;
        }

        var names = new HashSet<string>(StringComparer.Ordinal) { "User-Agent" };
        text = Uri.UnescapeDataString(text);
        return (text.EndsWith(',') ? text[..^1] : text).Split(',').All(
            header => header.IndexOf('=', StringComparison.Ordinal) is > 0 and var end && names.Add(header[..end].Trim()));
    }

    private static bool Is(string? value, string expected) => string.Equals(value?.Trim(), expected, StringComparison.OrdinalIgnoreCase);

    private static string? Version() =>
        typeof(OtlpExport).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0];
}
