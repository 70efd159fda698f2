namespace HopBenchmark;

/// <summary>One way to the upstream, ready to be loaded.</summary>
/// <param name="Name">Its name in the tables.</param>
/// <param name="Url">Where chat completions are posted.</param>
/// <param name="Process">What is measured; <see langword="null"/> where there is no hop.</param>
internal sealed record Hop(string Name, Uri Url, MeasuredProcess? Process) : IDisposable
{
    public const string Direct = "direct";
    public const string Nginx = "nginx";
    public const string PlainYarp = "plain YARP";
    public const string Portkey = "portkey";
    public const string Gateway = "gateway";
    public const string GatewayTeams = Gateway + WithTeams;
    public const string NativeTeams = GatewayTeams + ", native";

    /// <summary>What is added to a gateway's name where everything is on.</summary>
    public const string WithTeams = "-teams";

    /// <summary>What stands beside the gateway in the goals' table.</summary>
    public static IReadOnlyList<string> Peers { get; } = [Nginx, PlainYarp, Portkey];

    /// <summary>The keys that requests carry in turns.</summary>
    public IReadOnlyList<string> Keys { get; init; } = ["sk-bench"];

    /// <summary>Headers that requests need at this hop, such as where to send them.</summary>
    public IReadOnlyList<KeyValuePair<string, string>> Headers { get; init; } = [];

    /// <summary>How long it took from the start of its process to its first answer from upstream.</summary>
    public TimeSpan StartTime { get; init; }

    /// <summary>The most rounds that it takes part in: one that is slower by far needs no more, and would take all the time.</summary>
    public int MostRounds { get; init; } = int.MaxValue;

    public static bool IsPeer(string name) => Peers.Contains(name);

    public void Dispose() => Process?.Dispose();
}
