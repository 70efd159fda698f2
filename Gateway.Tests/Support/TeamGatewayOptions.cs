using FakeOpenRouter;

namespace Gateway.Tests.Support;

/// <summary>How a test wants its <see cref="TeamGateway"/>.</summary>
internal sealed class TeamGatewayOptions
{
    /// <summary>More members of team <c>search</c>: its limits, its budget.</summary>
    public string Team { get; init; } = "";

    /// <summary>More members of its key, behind a comma.</summary>
    public string KeyMore { get; init; } = "";

    /// <summary>More teams, given the reference to the OpenRouter key.</summary>
    public Func<string, IEnumerable<string>> MoreTeams { get; init; } = static _ => [];

    /// <summary>Section <c>Limits</c>.</summary>
    public string Limits { get; init; } = "{}";

    /// <summary>Section <c>Usage</c>; by default a SQLite file among the data.</summary>
    public string? Usage { get; init; }

    /// <summary>More members of the default section <c>Usage</c>, behind a comma.</summary>
    public string UsageMore { get; init; } = "";

    /// <summary>More sections of the settings.</summary>
    public IReadOnlyList<(string Name, string Json)> Sections { get; init; } = [];

    /// <summary>The team's OpenRouter key.</summary>
    public string UpstreamKey { get; init; } = TeamSetup.UpstreamKey;

    /// <summary>Whether it is a process: for all that it prints, and to be killed.</summary>
    public bool OutOfProcess { get; init; }

    /// <summary>Whether the test reads the log.</summary>
    public bool HasLog { get; init; }

    /// <summary>Whether the start waits until the prices are known.</summary>
    public bool WaitsForPrices { get; init; } = true;

    /// <summary>
    /// Whether an earlier process has stored a price list, for an upstream that has none: calls under a budget would wait for it.
    /// </summary>
    public bool HasStoredPrices { get; init; }

    /// <summary>An upstream that is there; by default one of its own.</summary>
    public FakeOpenRouterServer? Upstream { get; init; }

    /// <summary>Another base URL than the upstream's: one that does not answer, say.</summary>
    public string? UpstreamUrl { get; init; }

    /// <summary>Whether the destinations of the settings hold; by default a flag replaces them by the upstream.</summary>
    public bool KeepsDestinations { get; init; }

    /// <summary>The clock of a gateway inside the test process.</summary>
    public TimeProvider? Time { get; init; }

    /// <summary>A certificate switches HTTPS on, and with it HTTP/2.</summary>
    public TestCertificate? Certificate { get; init; }

    /// <summary>Called before the gateway starts.</summary>
    public Action<FakeOpenRouterServer>? PrepareUpstream { get; init; }

    /// <summary>Flags of the process.</summary>
    public List<string> Arguments { get; } = [];

    /// <summary>Environment variables, which make it a process.</summary>
    public Dictionary<string, string> Environment { get; } = [];
}
