namespace Gateway.Configuration.Reading;

/// <summary>The names of the variables that the gateway reads from the environment and from <c>.env</c>.</summary>
internal static class EnvironmentVariables
{
    public const string Prefix = "GATEWAY_";
    public const string OpenRouterBaseUrl = "GATEWAY_OPENROUTER_BASE_URL";
    public const string ModelProviderMapping = "GATEWAY_MODEL_PROVIDER_MAPPING";
    public const string Port = "GATEWAY_PORT";

    /// <summary>The path of the settings file, as <c>--config</c>. Read from the environment only: <c>.env</c> is one of the settings' files.</summary>
    public const string Config = "GATEWAY_CONFIG";

    /// <summary>The short variables, each with the path of its setting.</summary>
    public static IReadOnlyDictionary<string, string> Settings { get; } =
        new OrderedDictionary<string, string>(StringComparer.OrdinalIgnoreCase)
        {
            [Port] = "Server:Port",
            ["GATEWAY_IP"] = "Server:Address",
            ["GATEWAY_HTTPS"] = "Server:Https",
            ["GATEWAY_CERT_PATH"] = "Server:CertPath",
            ["GATEWAY_KEY_PATH"] = "Server:KeyPath",
        };

    /// <summary>Every variable with the prefix <c>GATEWAY_</c> that <c>.env</c> may hold.</summary>
    public static IReadOnlyList<string> DotEnvNames { get; } = [.. Settings.Keys, OpenRouterBaseUrl, ModelProviderMapping];

    /// <summary>Every variable with the prefix <c>GATEWAY_</c>.</summary>
    public static IReadOnlyList<string> Names { get; } = [.. DotEnvNames, Config];

    /// <summary>
    /// Whether Kubernetes set the variable for a Service named <c>gateway</c>. Its pods have a variable
    /// <c>GATEWAY_PORT=tcp://10.0.0.1:80</c>, which is not a listening port.
    /// </summary>
    public static bool IsServiceLink(string name, string value) =>
        name.StartsWith("GATEWAY_SERVICE_", StringComparison.Ordinal)
        || name.StartsWith("GATEWAY_PORT_", StringComparison.Ordinal)
        || (name == Port && (value.StartsWith("tcp://", StringComparison.Ordinal) || value.StartsWith("udp://", StringComparison.Ordinal)));
}
