namespace HopBenchmark;

/// <summary>A path to the upstream, ready for load.</summary>
/// <param name="Name">Its name in the tables.</param>
/// <param name="Url">The URL of chat completions.</param>
/// <param name="Process">The measured process; <see langword="null"/> without a hop.</param>
internal sealed record Hop(string Name, Uri Url, MeasuredProcess? Process) : IDisposable
{
    public const string Direct = "direct";
    public const string Nginx = "nginx";
    public const string PlainYarp = "plain YARP";
    public const string Portkey = "portkey";
    public const string Gateway = "gateway";
    public const string GatewayTeams = Gateway + WithTeams;
    public const string NativeTeams = GatewayTeams + ", native";

    /// <summary>The suffix of a gateway's name with all features on.</summary>
    public const string WithTeams = "-teams";

    /// <summary>The peers in the table of goals.</summary>
    public static IReadOnlyList<string> Peers { get; } = [Nginx, PlainYarp, Portkey];

    /// <summary>The keys of requests, used in rotation.</summary>
    public IReadOnlyList<string> Keys { get; init; } = ["sk-bench"];

    /// <summary>The base URL of the admin endpoints; <see langword="null"/> without any.</summary>
    public Uri? Admin { get; init; }

    /// <summary>The folder of the ledger; <see langword="null"/> without a ledger.</summary>
    public string? Data { get; init; }

    /// <summary>Headers that requests through this hop need, such as the upstream's address.</summary>
    public IReadOnlyList<KeyValuePair<string, string>> Headers { get; init; } = [];

    /// <summary>The time from the start of its process to its first response from upstream.</summary>
    public TimeSpan StartTime { get; init; }

    /// <summary>The maximum number of rounds: a much slower hop needs no more, and would take most of the time.</summary>
    public int MostRounds { get; init; } = int.MaxValue;

    public static bool IsPeer(string name) => Peers.Contains(name);

    public void Dispose() => Process?.Dispose();
}
