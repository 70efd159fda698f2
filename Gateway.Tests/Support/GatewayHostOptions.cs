namespace Gateway.Tests.Support;

/// <summary>How a test wants its gateway.</summary>
internal sealed class GatewayHostOptions
{
    /// <summary>The upstream's base URL (<c>--openrouter-base-url</c>); without one the settings decide.</summary>
    public string? Upstream { get; set; }

    /// <summary>The whole settings file; by default the shipped one.</summary>
    public string Settings { get; set; } = ShippedSettings.Text;

    /// <summary>A certificate switches HTTPS on.</summary>
    public TestCertificate? Certificate { get; set; }

    /// <summary>Whether the test needs a process: all that it prints, its working directory, signals.</summary>
    public bool OutOfProcess { get; set; }

    /// <summary>Whether the test reads the log (<see cref="GatewayHost.Log"/>). A process has one in any case.</summary>
    public bool HasLog { get; set; }

    /// <summary>The clock of a gateway inside the test process; a process has the system's.</summary>
    public TimeProvider? Time { get; set; }

    public List<string> Mappings { get; } = [];

    public List<string> Arguments { get; } = [];

    /// <summary>A command that replaces itself by the program; see <see cref="GatewayProcess.Start"/>.</summary>
    public IReadOnlyList<string> Through { get; set; } = [];

    /// <summary>Environment variables of the process.</summary>
    public Dictionary<string, string> Environment { get; } = [];

    /// <summary>Adds a <c>--model-provider-mapping</c>.</summary>
    public void Mapping(string mapping) => Mappings.Add(mapping);

    /// <summary>Adds arguments as they are.</summary>
    public void Args(params string[] arguments) => Arguments.AddRange(arguments);

    /// <summary>The shipped settings with these provider rules, a JSON array.</summary>
    public void Rules(string json) => Settings = ShippedSettings.WithRules(json);
}
