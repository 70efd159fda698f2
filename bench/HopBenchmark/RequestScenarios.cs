namespace HopBenchmark;

/// <summary>Posts bodies of all sizes in a closed loop, and short ones at a fixed rate.</summary>
internal sealed class RequestScenarios
{
    public const string Rate = "rate";

    private static readonly Figure NativeRatio = Figure.CpuRatio(Hop.GatewayTeams);

    private readonly Workbench _bench;
    private readonly IReadOnlyList<Size> _sizes;

    public RequestScenarios(Workbench bench)
    {
        _bench = bench;
        _sizes =
        [
            new(Sizes[0], "1 KB chat", () => bench.Bodies.Chat, 8, 400, [(Hop.Gateway, 0.75), (Hop.GatewayTeams, 1.00)]),
            new(Sizes[1], "100 KB conversation", () => bench.Bodies.Conversation, 8, 200, [(Hop.GatewayTeams, 0.90)]),
            new(Sizes[2], "5 MB image", () => bench.Bodies.Image5, 4, 12, [(Hop.GatewayTeams, 0.55)]),
            new(Sizes[3], "20 MB image", () => bench.Bodies.Image20, 2, 4, [(Hop.GatewayTeams, 0.50)]),
        ];
    }

    /// <summary>The names of the sizes.</summary>
    public static IReadOnlyList<string> Sizes { get; } = ["1KB", "100KB", "5MB", "20MB"];

    /// <summary>Runs the sizes and the fixed rate, which share their hops.</summary>
    public async Task RunAsync()
    {
        var sizes = _sizes.Where(size => _bench.Options.Wants(size.Name)).ToArray();
        if (sizes.Length == 0 && !_bench.Options.Wants(Rate))
        {
            return;
        }

        var hasNative = _bench.Native.StartAsync is not null && _bench.Options.WantsHop(_bench.Native.Name);
        using var hops = await HopSet.StartAsync(
            _bench.Starter, hasNative ? [.. _bench.Recipes, _bench.Native] : _bench.Recipes, _bench.Direct);
        foreach (var size in sizes)
        {
            await MeasureAsync(size, hops);
        }

        if (_bench.Options.Wants(Rate))
        {
            await MeasureRateAsync(hops);
        }
    }

    /// <summary>The 1 KB chat in a closed loop: the maximum rate of a hop.</summary>
    public Scenario Closed() => Closed(_sizes[0]);

    private async Task MeasureAsync(Size size, HopSet hops)
    {
        var scenario = Closed(size);
        var table = await _bench.Rounds.CompareAsync(scenario, hops);
        if (hops.Hops.Any(hop => hop.Name == _bench.Native.Name))
        {
            table.Compare(NativeRatio, scenario.Cpu, Hop.GatewayTeams, (own, other) => own / other);
        }

        _bench.Report.WriteTable(
            table,
            note: null,
            scenario.PerSecond,
            Figure.P50,
            Figure.P99,
            scenario.P99Ratio,
            scenario.Cpu,
            scenario.CpuRatio,
            NativeRatio,
            Figure.Peak,
            Figure.Errors);
        foreach (var (hop, limit) in size.Goals)
        {
            _bench.Report.Judge(table, hop, scenario.CpuRatio, $"{size.Title}, {hop}: CPU a request ÷ plain YARP", limit);
        }

        if (size.Name == Sizes[0])
        {
            _bench.Report.Judge(table, Hop.GatewayTeams, scenario.P99Ratio, $"{size.Title}, {Hop.GatewayTeams}: p99 at saturation ÷ plain YARP", 1.5);
            _bench.Report.Judge(table, Hop.NativeTeams, NativeRatio, $"{size.Title}, {Hop.NativeTeams}: CPU a request ÷ {Hop.GatewayTeams}", 1.15);
        }
    }

    private Scenario Closed(Size size)
    {
        var body = size.Body();
        var file = Path.Combine(_bench.Folder, size.Name + ".json");
        File.WriteAllBytes(file, body);
        var title = $"{size.Title}, {size.Connections} connections";
        return new Scenario(title, "request", hop => LoadAsync(hop, share: 2), hop => LoadAsync(hop, share: 1));

        Task<LoadResult> LoadAsync(Hop hop, int share) => _bench.Options.Test
            ? RawLoad.RunAsync(hop, body, size.Connections, size.TestRequests)
            : WrkLoad.RunAsync(hop, file, size.Connections, _bench.Options.Round / share);
    }

    private async Task MeasureRateAsync(HopSet hops)
    {
        // One rate for all hops, so that added latencies can be compared. Portkey would set it close to zero.
        var closed = Closed();
        var most = new Dictionary<Hop, double>();
        await _bench.Rounds.WarmUpAsync(closed, hops.Hops);
        foreach (var hop in hops.Hops)
        {
            most.Add(hop, (await _bench.Rounds.MeasureAsync(hop, () => closed.RunAsync(hop))).CountPerSecond);
        }

        var rate = Math.Floor(most.Where(hop => hop.Key.Name != Hop.Portkey).Min(hop => hop.Value) / 2);
        var round = _bench.Options.Test ? TimeSpan.FromMilliseconds(500) : _bench.Options.Round;
        var open = closed with
        {
            Title = $"1 KB chat at a fixed {MarkdownReport.Number(rate, 0)} requests a second, half the maximum of the slowest hop",
            WarmUpAsync = hop => PacedLoad.RunAsync(hop, _bench.Bodies.Chat, rate, round / 4),
            RunAsync = hop => PacedLoad.RunAsync(hop, _bench.Bodies.Chat, rate, round),
        };
        var (able, unable) = (hops.Hops.Where(hop => most[hop] > rate), hops.Hops.Where(hop => most[hop] <= rate));
        var table = await _bench.Rounds.CompareAsync(open, hops.With(able));
        foreach (var hop in unable)
        {
            table.AddAbsent(hop.Name, $"its maximum is {MarkdownReport.Number(most[hop], 0)} requests a second");
        }

        _bench.Report.WriteTable(
            table,
            "Open loop: latency is measured from the time at which a request was due.",
            Figure.P50,
            Figure.P99,
            Figure.AddedP50,
            Figure.AddedP99,
            open.Cpu,
            Figure.Errors);
        foreach (var hop in (string[])[Hop.Gateway, Hop.GatewayTeams])
        {
            _bench.Report.Judge(table, hop, Figure.AddedP50, $"fixed rate, {hop}: added to p50, µs", 150);
            _bench.Report.Judge(table, hop, Figure.AddedP99, $"fixed rate, {hop}: added to p99, µs", 1_000);
        }
    }

    /// <summary>A size of body.</summary>
    /// <param name="Name">Its name on the command line.</param>
    /// <param name="Title">Its name in the report.</param>
    /// <param name="Body">The body.</param>
    /// <param name="Connections">The number of connections.</param>
    /// <param name="TestRequests">The number of requests in a test.</param>
    /// <param name="Goals">The maximum CPU time of hops, as multiples of plain YARP's.</param>
    private sealed record Size(
        string Name, string Title, Func<byte[]> Body, int Connections, int TestRequests, IReadOnlyList<(string Hop, double Limit)> Goals);
}
