namespace HopBenchmark;

/// <summary>Loads hops in turns, round by round, and records the results of each round.</summary>
internal sealed class Rounds
{
    // The tiered compiler waits for idle phases; many short turns reach it sooner than few long ones.
    private const int LeastWarmUps = 4;
    private const int MostWarmUps = 40;

    // A hop is warm when the compiler takes less than this share of its CPU time.
    private const double CompilerShare = 0.02;
    private const int WarmTurns = 2;

    private static readonly TimeSpan Settling = TimeSpan.FromMilliseconds(200);

    private readonly HopComparisonOptions _options;
    private readonly BusyTime _busy;
    private readonly MeasuredProcess _upstream;

    public Rounds(HopComparisonOptions options, BusyTime busy, MeasuredProcess upstream)
    {
        _options = options;
        _busy = busy;
        _upstream = upstream;
    }

    /// <summary>Warms up all hops, then measures them.</summary>
    public async Task<ResultTable> CompareAsync(Scenario scenario, HopSet set)
    {
        var table = new ResultTable(scenario.Title) { RowTitle = scenario.RowTitle };
        foreach (var (name, reason) in set.Absent)
        {
            table.AddAbsent(name, reason);
        }

        foreach (var cold in await WarmUpAsync(scenario, set.Hops))
        {
            table.AddCold(cold.Name);
        }

        var idle = set.Hops.ToDictionary(hop => hop.Name, hop => hop.Process?.ResidentMegabytes);
        for (var round = 0; round < _options.Rounds; round++)
        {
            // Each round starts with another hop, so that no hop always follows the same one.
            for (var turn = 0; turn < set.Hops.Count; turn++)
            {
                var hop = set.Hops[(round + turn) % set.Hops.Count];
                if (round < hop.MostRounds)
                {
                    await MeasureAsync(scenario, hop, idle[hop.Name], table);
                }
            }
        }

        table.Compare(scenario.CpuRatio, scenario.Cpu, scenario.Baseline, (own, other) => own / other);
        table.Compare(scenario.P99Ratio, Figure.P99, scenario.Baseline, (own, other) => own / other);
        table.Compare(Figure.AddedP50, Figure.P50, Hop.Direct, (own, direct) => own - direct);
        table.Compare(Figure.AddedP99, Figure.P99, Hop.Direct, (own, direct) => own - direct);
        table.Compare(Figure.AddedLongest, Figure.Longest, Hop.Direct, (own, direct) => own - direct);
        return table;
    }

    /// <summary>
    /// Runs every hop until its code is compiled: until the runtime's compiler has taken a negligible share of its CPU time in two turns, and in
    /// the turns of other hops between them. With everything on that takes the gateway about twenty seconds under load.
    /// </summary>
    /// <returns>The hops that are not warm yet.</returns>
    public async Task<IReadOnlyList<Hop>> WarmUpAsync(Scenario scenario, IReadOnlyList<Hop> hops)
    {
        var cold = hops.ToDictionary(hop => hop, hop => (Quiet: 0, Compiler: hop.Process?.CompilerTime, Cpu: hop.Process?.CpuTime));
        for (var turn = 1; cold.Count > 0 && turn <= (_options.Test ? 1 : MostWarmUps); turn++)
        {
            foreach (var (hop, before) in cold.ToArray())
            {
                await scenario.WarmUpAsync(hop);
                var (compiler, cpu) = (hop.Process?.CompilerTime, hop.Process?.CpuTime);
                var isQuiet = !(compiler - before.Compiler > CompilerShare * (cpu - before.Cpu));
                cold[hop] = (isQuiet ? before.Quiet + 1 : 0, compiler, cpu);
                if (turn >= LeastWarmUps && cold[hop].Quiet >= WarmTurns)
                {
                    cold.Remove(hop);
                }
            }
        }

        return _options.Test ? [] : [.. cold.Keys];
    }

    /// <summary>Measures a hop while the machine is quiet, and repeats a disturbed measurement.</summary>
    public Task<T> MeasureAsync<T>(Hop hop, Func<Task<T>> measureAsync) => _busy.MeasureAsync(OursWith(hop), measureAsync);

    /// <summary>Waits for a quiet machine, for measurements that cannot be repeated.</summary>
    public Task WaitForQuietAsync(Hop? hop) => _busy.WaitForQuietAsync(OursWith(hop));

    private IReadOnlyList<MeasuredProcess> OursWith(Hop? hop) => hop?.Process is { } process ? [_upstream, process] : [_upstream];

    private async Task MeasureAsync(Scenario scenario, Hop hop, double? idle, ResultTable table)
    {
        var (load, cpu, peak) = await MeasureAsync(hop, async () =>
        {
            hop.Process?.ResetPeak();
            var before = hop.Process?.CpuTime;
            var result = await scenario.RunAsync(hop);
            return (result, hop.Process?.CpuTime - before, hop.Process?.PeakMegabytes);
        });
        table.Add(hop.Name, scenario.PerSecond, load.CountPerSecond);
        table.Add(hop.Name, Figure.P50, load.P50.TotalMicroseconds);
        table.Add(hop.Name, Figure.P99, load.P99.TotalMicroseconds);
        table.Add(hop.Name, Figure.Longest, load.Longest.TotalMicroseconds);
        table.Add(hop.Name, Figure.Errors, load.Errors);
        if (cpu is { } time && peak is { } megabytes)
        {
            table.Add(hop.Name, scenario.Cpu, time.TotalMicroseconds / Math.Max(1, load.Count));
            table.Add(hop.Name, Figure.Peak, megabytes);
            if (scenario.Streams > 0)
            {
                table.Add(hop.Name, Figure.StreamKilobytes, 1024 * (megabytes - idle!.Value) / scenario.Streams);
            }
        }

        await Task.Delay(Settling);
    }
}
