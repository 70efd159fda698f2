using System.Diagnostics;

namespace HopBenchmark;

/// <summary>
/// Replaces settings with a thousand rules and five hundred teams repeatedly while requests arrive at a fixed rate. Counts failed requests,
/// and compares the latencies of a reload's seconds with all others.
/// </summary>
internal sealed class ReloadScenario(Workbench bench)
{
    public const string Name = "reload";

    private const string HopName = "gateway, 1,000 rules, 500 teams";

    private static readonly GatewayShape Shape = new() { Rules = 1_000, Teams = 500 };

    private static readonly Figure ReloadTime = new("reload ms", 0, Summary.MedianAndSpread);
    private static readonly Figure UsualP99 = new("usual p99 µs", 0, Summary.MedianAndSpread);
    private static readonly Figure ReloadP99 = new("p99 µs of a reload's seconds", 0, Summary.MedianAndSpread);
    private static readonly Figure P99Ratio = new("÷ usual", 2, Summary.MedianAndSpread);

    // The time between reloads leaves usual seconds between them.
    private static readonly TimeSpan Between = TimeSpan.FromSeconds(4);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(20);

    public async Task RunAsync(Scenario closed)
    {
        if (!bench.Options.Wants(Name))
        {
            return;
        }

        using var hop = await bench.Starter.StartGatewayAsync(HopName, bench.GatewayProgram, Shape);
        await bench.Rounds.WarmUpAsync(closed, [hop]);
        var most = (await bench.Rounds.MeasureAsync(hop, () => closed.RunAsync(hop))).CountPerSecond;
        var rate = Math.Floor(most / 2);
        await PacedLoad.RunAsync(hop, bench.Bodies.Chat, rate, Between / 2);

        await bench.Rounds.WaitForQuietAsync(hop);
        var (paced, reloads) = await LoadAsync(hop, rate);
        var table = new ResultTable(
            $"Reload under load, {reloads.Count} times, at {MarkdownReport.Number(rate, 0)} requests a second, half its maximum");
        Summarise(paced, reloads, table);
        bench.Report.WriteTable(
            table,
            "Each reload replaces all rules and teams. A reload's seconds are those between the file's arrival and the first response under "
            + "its rules; the usual p99 is the median of all other seconds.",
            ReloadTime,
            UsualP99,
            ReloadP99,
            P99Ratio,
            Figure.Errors);
        bench.Report.Judge(table, HopName, P99Ratio, "reload of 1,000 rules and 500 teams under load: p99 of its second ÷ usual", 2);
        bench.Report.Judge(table, HopName, Figure.Errors, "the same: failed requests", 0);
    }

    private async Task<(PacedResult Paced, IReadOnlyList<(TimeSpan From, TimeSpan To)> Reloads)> LoadAsync(Hop hop, double rate)
    {
        var rounds = bench.Options.Rounds;
        var start = Stopwatch.GetTimestamp();
        var load = PacedLoad.LatenciesAsync(hop, bench.Bodies.Chat, rate, Between * (rounds + 1));
        var reloads = new List<(TimeSpan From, TimeSpan To)>();
        for (var version = 1; version <= rounds; version++)
        {
            var due = Between * version - Between / 2;
            await Task.Delay(due - Stopwatch.GetElapsedTime(start));
            var from = Stopwatch.GetElapsedTime(start);
            var rule = bench.Starter.Reload(hop, Shape, version);
            await AnsweredByAsync(hop, rule);
            reloads.Add((from, Stopwatch.GetElapsedTime(start)));
        }

        return (await load, reloads);
    }

    private async Task AnsweredByAsync(Hop hop, string rule)
    {
        var start = Stopwatch.GetTimestamp();
        while (await bench.Starter.RuleAsync(hop) != rule)
        {
            if (Stopwatch.GetElapsedTime(start) > Patience)
            {
                throw new InvalidOperationException($"{Patience.TotalSeconds} s after {rule} was written, another rule still applies");
            }

            await Task.Delay(Poll);
        }
    }

    private static void Summarise(PacedResult paced, IReadOnlyList<(TimeSpan From, TimeSpan To)> reloads, ResultTable table)
    {
        var p99s = paced.Seconds().Select(second => LoadResult.Percentile(second, 99).TotalMicroseconds).ToArray();
        var touched = reloads.Select(reload => Seconds(reload).Where(second => second < p99s.Length).ToArray()).ToArray();
        var usual = Series.MedianOf(p99s.Where((_, second) => !touched.Any(seconds => seconds.Contains(second))));
        table.Add(HopName, UsualP99, usual);
        foreach (var (seconds, (from, to)) in touched.Zip(reloads))
        {
            var worst = seconds.Max(second => p99s[second]);
            table.Add(HopName, ReloadTime, (to - from).TotalMilliseconds);
            table.Add(HopName, ReloadP99, worst);
            table.Add(HopName, P99Ratio, worst / usual);
        }

        table.Add(HopName, Figure.Errors, paced.Errors);

        static IEnumerable<int> Seconds((TimeSpan From, TimeSpan To) reload) =>
            Enumerable.Range((int)reload.From.TotalSeconds, (int)reload.To.TotalSeconds - (int)reload.From.TotalSeconds + 1);
    }
}
