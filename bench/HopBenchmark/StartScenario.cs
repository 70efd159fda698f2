namespace HopBenchmark;

/// <summary>Measures the time from the start of a process to its first response from upstream, and its resident memory then.</summary>
internal sealed class StartScenario(Workbench bench)
{
    public const string Name = "start";

    private static readonly Figure FirstAnswer = new("first answer ms", 0, Summary.MedianAndSpread);
    private static readonly Figure Resident = new("resident MB", 0, Summary.MedianAndSpread);
    private static readonly TimeSpan Settling = TimeSpan.FromSeconds(1);

    /// <summary>Starts every hop several times.</summary>
    public async Task RunAsync()
    {
        if (!bench.Options.Wants(Name))
        {
            return;
        }

        var table = new ResultTable($"From start to the first answer, {bench.Options.Rounds} starts");
        for (var round = 0; round < bench.Options.Rounds; round++)
        {
            foreach (var recipe in (HopRecipe[])[.. bench.Recipes, bench.Native])
            {
                await MeasureAsync(recipe, table);
            }
        }

        bench.Report.WriteTable(
            table,
            "Time from before the process is created to the first 200 from upstream, with a request every millisecond; memory one second later.",
            FirstAnswer,
            Resident);
        bench.Report.Judge(table, Hop.NativeTeams, FirstAnswer, "native, everything on: first proxied answer, ms after start", 90);
        bench.Report.Judge(table, Hop.NativeTeams, Resident, "native, everything on: resident MB after it", 48);
    }

    private async Task MeasureAsync(HopRecipe recipe, ResultTable table)
    {
        await bench.Rounds.WaitForQuietAsync(hop: null);
        using var hops = await HopSet.StartAsync(bench.Starter, [recipe], direct: null);
        foreach (var (name, reason) in hops.Absent)
        {
            table.AddAbsent(name, reason);
        }

        foreach (var hop in hops.Hops)
        {
            await Task.Delay(Settling);
            table.Add(hop.Name, FirstAnswer, hop.StartTime.TotalMilliseconds);
            table.Add(hop.Name, Resident, hop.Process!.ResidentMegabytes);
        }
    }
}
