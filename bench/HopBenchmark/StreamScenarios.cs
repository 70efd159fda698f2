namespace HopBenchmark;

/// <summary>Thousands of event streams: CPU time per event, delay of events, memory per stream.</summary>
internal sealed class StreamScenarios(Workbench bench)
{
    public const string Streams = "streams";
    public const string ManyStreams = "manystreams";

    // Enough streams to compile hot code, and too few to allocate the memory that is attributed to the streams of a round.
    private const int WarmUpStreams = 50;

    // Other open files: the program's own, and the pool's connections.
    private const int OtherFiles = 1_000;

    private static readonly StreamSchedule WarmUpSchedule = new(40, TimeSpan.FromMilliseconds(10));
    private static readonly StreamSchedule Fast = new(50, TimeSpan.FromMilliseconds(100));
    private static readonly StreamSchedule Slow = new(16, TimeSpan.FromMilliseconds(500));

    public async Task RunAsync()
    {
        if (bench.Options.Wants(Streams))
        {
            await JudgeAsync(500, mostCpu: 0.60);
            var (table, scenario) = await JudgeAsync(2_000, mostCpu: 0.75);
            var what = $"2,000 streams, {Hop.GatewayTeams}:";
            bench.Report.Judge(table, Hop.GatewayTeams, scenario.P99Ratio, $"{what} an event's p99 ÷ plain YARP", 1);
            bench.Report.Judge(table, Hop.GatewayTeams, Figure.AddedLongest, $"{what} added to the longest delay of an event, µs", 15_000);
        }

        if (bench.Options.Wants(ManyStreams))
        {
            var (table, _) = await MeasureAsync(5_000, Slow, TimeSpan.FromSeconds(5));
            var what = $"5,000 streams, 2 events a second each, {Hop.GatewayTeams}:";
            bench.Report.Judge(table, Hop.GatewayTeams, Figure.Errors, $"{what} events lost", 0);
            bench.Report.Judge(table, Hop.GatewayTeams, Figure.AddedP99, $"{what} added to an event's p99, µs", 15_000);
            bench.Report.Judge(table, Hop.GatewayTeams, Figure.StreamKilobytes, $"{what} KB resident a stream", 25);
        }
    }

    private async Task<(ResultTable Table, Scenario Scenario)> JudgeAsync(int streams, double mostCpu)
    {
        var (table, scenario) = await MeasureAsync(streams, Fast, TimeSpan.FromSeconds(streams / 500.0));
        var what = $"{MarkdownReport.Number(streams, 0)} streams, {Hop.GatewayTeams}: CPU an event ÷ plain YARP";
        bench.Report.Judge(table, Hop.GatewayTeams, scenario.CpuRatio, what, mostCpu);
        return (table, scenario);
    }

    private async Task<(ResultTable Table, Scenario Scenario)> MeasureAsync(int streams, StreamSchedule schedule, TimeSpan rampUp)
    {
        if (bench.Options.Test)
        {
            (streams, schedule, rampUp) = (streams / 25, new(10, TimeSpan.FromMilliseconds(20)), TimeSpan.FromMilliseconds(200));
        }

        OpenFiles.Require(2 * streams + OtherFiles);
        using var upstream = new StreamUpstream(bench.Direct.Url);
        var folder = Path.Combine(bench.Folder, $"streams-{upstream.Port}");
        var starter = new HopStarter(folder, bench.Bodies.Chat, upstream.Port);
        var direct = HopStarter.DirectTo(upstream.Port);
        using var hops = await HopSet.StartAsync(starter, bench.Recipes, direct);

        var (late, own) = (TimeSpan.Zero, 0.0);
        var title = $"{MarkdownReport.Number(streams, 0)} event streams, {schedule.Texts} events of text each, one every "
            + $"{schedule.Interval.TotalMilliseconds} ms, opened over {rampUp.TotalSeconds} s";
        var scenario = new Scenario(title, "event", hop => LoadAsync(hop, WarmUpSchedule, WarmUpStreams, rampUp / 10), RoundAsync)
        {
            Streams = streams,
        };
        var table = await bench.Rounds.CompareAsync(scenario, hops);
        bench.Report.WriteTable(
            table,
            "Latency is the time from sending an event to reading it; an error is a lost event. "
            + "Memory is measured from the warm and idle hop. Without a hop, upstream and load took "
            + $"{MarkdownReport.Number(own, 1)} µs of CPU time an event, and the upstream was at most "
            + $"{MarkdownReport.Number(late.TotalMilliseconds, 1)} ms late in the last round.",
            scenario.PerSecond,
            Figure.P50,
            Figure.P99,
            Figure.AddedP50,
            Figure.AddedP99,
            Figure.AddedLongest,
            scenario.P99Ratio,
            scenario.Cpu,
            scenario.CpuRatio,
            Figure.StreamKilobytes,
            Figure.Peak,
            Figure.Errors);
        return (table, scenario);

        async Task<LoadResult> RoundAsync(Hop hop)
        {
            upstream.Wheel.TakeMostLate();
            var before = MeasuredProcess.OwnCpuTime;
            var load = await LoadAsync(hop, schedule, streams, rampUp);
            if (hop.Process is null)
            {
                (late, own) = (upstream.Wheel.TakeMostLate(), (MeasuredProcess.OwnCpuTime - before).TotalMicroseconds / load.Count);
            }

            return load;
        }

        Task<LoadResult> LoadAsync(Hop hop, StreamSchedule what, int count, TimeSpan over)
        {
            upstream.Schedule = what;
            return StreamLoad.RunAsync(hop, bench.Bodies.StreamedChat, what, count, over);
        }
    }
}
