namespace Gateway.Configuration.Reading;

/// <summary>The command-line flags that set settings. An absent or invalid flag is <see langword="null"/> or empty.</summary>
internal record SettingsFlags
{
    /// <summary>Listening port (<c>--port</c>, <c>-p</c>), 0 to 65535; 0 lets the system choose.</summary>
    public int? Port { get; init; }

    /// <summary>Listening address (<c>--ip</c>, <c>-i</c>), an IPv4 or IPv6 address.</summary>
    public string? Address { get; init; }

    /// <summary>Whether to serve TLS (<c>--https</c>).</summary>
    public bool? Https { get; init; }

    /// <summary>PEM certificate (<c>--cert-path</c>), as given.</summary>
    public string? CertPath { get; init; }

    /// <summary>PEM private key (<c>--key-path</c>), as given.</summary>
    public string? KeyPath { get; init; }

    /// <summary>Address of the <c>openrouter</c> cluster (<c>--openrouter-base-url</c>), without a trailing slash.</summary>
    public string? OpenRouterBaseUrl { get; init; }

    /// <summary>Provider rules in their short form (<c>--model-provider-mapping</c>), in the order given.</summary>
    public IReadOnlyList<string> ModelProviderMappings { get; init; } = [];

    /// <summary>The settings file (<c>--config</c>), as given.</summary>
    public string? ConfigPath { get; init; }

    /// <summary>Per-request detail in the log (<c>--verbose</c>).</summary>
    public bool Verbose { get; init; }

    /// <summary>
    /// Name of the environment (<c>--environment</c>, hidden); it selects the overlay <c>appsettings.{Environment}.json</c>.
    /// </summary>
    public string? Environment { get; init; }
}
