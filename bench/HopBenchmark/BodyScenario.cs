using System.Diagnostics;

namespace HopBenchmark;

/// <summary>Many large bodies at once: the peak resident memory of a fresh process, and the number of failed requests.</summary>
internal sealed class BodyScenario(Workbench bench)
{
    public const string Name = "bodies";

    private const double MostMegabytes = 512;

    private static readonly Figure Seconds = new("s a wave", 1, Summary.MedianAndSpread);

    public async Task RunAsync()
    {
        if (!bench.Options.Wants(Name))
        {
            return;
        }

        var (bodies, waves) = bench.Options.Test ? (8, 1) : (50, bench.Options.Rounds);
        var body = bench.Options.Test ? bench.Bodies.Image5 : bench.Bodies.Image50;
        var table = new ResultTable($"{bodies} bodies of {body.Length / 1_000_000} MB at once, {waves} waves");
        foreach (var recipe in bench.Recipes.Where(recipe => recipe.Name != Hop.Portkey))
        {
            using var hops = await HopSet.StartAsync(bench.Starter, [recipe], direct: null);
            foreach (var hop in hops.Hops)
            {
                for (var wave = 0; wave < waves; wave++)
                {
                    await MeasureAsync(hop, body, bodies, table);
                }
            }

            foreach (var (name, reason) in hops.Absent)
            {
                table.AddAbsent(name, reason);
            }
        }

        table.AddAbsent(Hop.Portkey, "it buffers and parses every body");
        bench.Report.WriteTable(table, "Each hop is a fresh process; peak memory is the maximum over all waves (VmHWM).", Seconds, Figure.Peak, Figure.Errors);
        bench.Report.Judge(table, Hop.GatewayTeams, Figure.Peak, $"{table.Title}: peak resident MB", MostMegabytes);
        bench.Report.Judge(table, Hop.GatewayTeams, Figure.Errors, $"{table.Title}: failed", 0);
    }

    private async Task MeasureAsync(Hop hop, byte[] body, int bodies, ResultTable table)
    {
        await bench.Rounds.WaitForQuietAsync(hop);
        hop.Process!.ResetPeak();
        var start = Stopwatch.GetTimestamp();
        var failed = await RawLoad.PostAllAsync(hop, body, bodies);
        table.Add(hop.Name, Seconds, Stopwatch.GetElapsedTime(start).TotalSeconds);
        table.Add(hop.Name, Figure.Peak, hop.Process.PeakMegabytes);
        table.Add(hop.Name, Figure.Errors, failed);
    }
}
