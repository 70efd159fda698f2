using System.Collections.Concurrent;

namespace Soak.Chaos.Clients;

/// <summary>The real clients of a run, and the reports of their calls.</summary>
internal sealed class SdkFleet : IDisposable
{
    /// <summary>The first team of the SDKs. The teams before it are those of the other clients.</summary>
    public const int FirstTeam = 170;

    private readonly NodeProcess? _node;
    private readonly List<ISdk> _sdks = [new OpenAiDotNet()];
    private readonly ConcurrentQueue<SdkReport> _reports = new();

    private SdkFleet(bool hasNode)
    {
        if (hasNode)
        {
            _node = NodeProcess.Start();
            _sdks.Add(new NodeSdk("openai", _node, SdkApi.Chat, SdkApi.Responses));
            _sdks.Add(new NodeSdk("anthropic", _node, SdkApi.Messages));
        }
    }

    /// <summary>All calls.</summary>
    public IReadOnlyCollection<SdkReport> Reports => _reports;

    /// <summary>The SDKs that made no call.</summary>
    public IReadOnlyList<string> Idle => [.. _sdks.Select(sdk => sdk.Name).Except(_reports.Select(report => report.Sdk))];

    /// <summary>Starts the SDKs.</summary>
    /// <param name="hasNode">Whether those for Node.js take part. Their packages are installed.</param>
    public static SdkFleet Start(bool hasNode) => new(hasNode);

    /// <summary>Two callers for each SDK.</summary>
    public IReadOnlyList<SdkCaller> Callers(ChaosTarget target, Prng prng) =>
    [
        .. _sdks.SelectMany(sdk => Enumerable.Repeat(sdk, 2))
            .Select((sdk, number) => new SdkCaller(sdk, FirstTeam + number, target, _reports.Enqueue, prng.Next())),
    ];

    /// <summary>Ends the process of the SDKs for Node.js. Returns the fault of its end; <see langword="null"/> if there is none.</summary>
    public Task<string?> EndAsync() => _node?.EndAsync() ?? Task.FromResult<string?>(null);

    /// <summary>The lines of the report: an SDK, its calls, how many returned a response, and the types of its errors.</summary>
    public IEnumerable<string> Describe()
    {
        if (_node is null)
        {
            yield return "no SDKs for Node.js, by --without-node";
        }

        foreach (var reports in _reports.GroupBy(report => report.Sdk))
        {
            var errors = reports.Where(report => !report.IsSuccess)
                .GroupBy(report => report.Outcome?.Error ?? "no end")
                .OrderByDescending(errors => errors.Count())
                .Select(errors => $"{errors.Key} {errors.Count()}");
            var responses = reports.Count(report => report.IsSuccess);
            yield return $"{reports.Key}: {reports.Count()} calls, {responses} responses; {string.Join(", ", errors)}";
        }
    }

    public void Dispose() => _node?.Dispose();
}
