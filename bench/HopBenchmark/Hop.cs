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
    public const string Gateway = "gateway";
    public const string GatewayTeams = "gateway-teams";

    /// <summary>The keys that requests carry in turns.</summary>
    public IReadOnlyList<string> Keys { get; init; } = ["sk-bench"];

    public void Dispose() => Process?.Dispose();
}
