namespace Gateway.CommandLine;

/// <summary>
/// The command line as typed values. What was not given is <see langword="null"/> or empty; what was given badly counts as not given.
/// </summary>
internal sealed record CommandLineArguments
{
    /// <summary>No arguments at all.</summary>
    public static CommandLineArguments None { get; } = new();

    /// <summary>The sub-command.</summary>
    public GatewayCommand Command { get; init; }

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

    /// <summary>What to explain; set exactly when <see cref="Command"/> is <see cref="GatewayCommand.Explain"/>.</summary>
    public ExplainArguments? Explain { get; init; }

    /// <summary>
    /// Which key to make; set when <see cref="Command"/> is <see cref="GatewayCommand.KeysNew"/> and nothing is at fault.
    /// </summary>
    public KeysNewArguments? KeysNew { get; init; }

    /// <summary>What usage to print; set exactly when <see cref="Command"/> is <see cref="GatewayCommand.Usage"/>.</summary>
    public UsageArguments? Usage { get; init; }
}
