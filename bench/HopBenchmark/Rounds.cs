namespace HopBenchmark;

/// <summary>Loads hops in turns, round by round, and records the results of each round.</summary>
internal sealed class Rounds
{
    // The tiered compiler waits for idle phases; several short turns reach it sooner than one long turn.
    private const int WarmUps = 4;

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
        var table = new ResultTable(scenario.Title);
        foreach (var (name, reason) in set.Absent)
        {
            table.AddAbsent(name, reason);
        }

        await WarmUpAsync(scenario, set.Hops);
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
        table.Compare(Figure.AddedP50, Figure.P50, Hop.Direct, (own, direct) => own - direct);
        table.Compare(Figure.AddedP99, Figure.P99, Hop.Direct, (own, direct) => own - direct);
        return table;
    }

    /// <summary>Runs every hop until its code is compiled.</summary>
    public async Task WarmUpAsync(Scenario scenario, IReadOnlyList<Hop> hops)
    {
        for (var warmUp = 0; warmUp < (_options.Test ? 1 : WarmUps); warmUp++)
        {
            foreach (var hop in hops)
            {
                await scenario.WarmUpAsync(hop);
            }
        }
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
