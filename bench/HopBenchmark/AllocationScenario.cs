namespace HopBenchmark;

/// <summary>The managed bytes that the gateway allocates per request, with the gateway inside this program.</summary>
internal sealed class AllocationScenario(Workbench bench)
{
    public const string Name = "allocation";

    private const int Connections = 4;

    // Additional bytes per KB of body that count as no growth: segments and log text may differ a little.
    private const double MostGrowth = 10;

    private static readonly Figure Allocated = new("bytes a request", 0);
    private static readonly Figure Growth = new("bytes more for each KB more of body", 1);

    public async Task RunAsync()
    {
        if (!bench.Options.Wants(Name))
        {
            return;
        }

        // The gateway logs to the console, which the report also uses.
        var console = Console.Out;
        await using var log = new StreamWriter(Path.Combine(bench.Folder, "in-process.log"));
        Console.SetOut(TextWriter.Synchronized(log));
        var gateway = await bench.Starter.StartInProcessAsync(AppContext.BaseDirectory);
        var table = new ResultTable("Managed bytes allocated for a request") { RowTitle = "body" };
        var small = 0.0;
        foreach (var (name, body, requests) in ((string, byte[], int)[])
            [
                ("1 KB", bench.Bodies.Chat, 4_000),
                ("100 KB", bench.Bodies.Conversation, 1_000),
                ("5 MB", bench.Bodies.Image5, 80),
                ("20 MB", bench.Bodies.Image20, 20),
            ])
        {
            var allocated = await MeasureAsync(gateway, body, bench.Options.Test ? requests / 10 : requests);
            small = small == 0 ? allocated : small;
            table.Add(name, Allocated, allocated);
            table.Add(name, Growth, 1000 * (allocated - small) / body.Length);
        }

        Console.SetOut(console);
        bench.Report.WriteTable(table, note: null, Allocated, Growth);
        bench.Report.Judge(table, "5 MB", Growth, "allocation: bytes more for each KB more of body", MostGrowth);
    }

    // Bytes per request, without those that this program's client allocates.
    private async Task<double> MeasureAsync(Hop gateway, byte[] body, int requests) =>
        await AllocatedAsync(gateway, body, requests) - await AllocatedAsync(bench.Direct, body, requests);

    private static async Task<double> AllocatedAsync(Hop hop, byte[] body, int requests)
    {
        // A first load fills pools and compiles code.
        await RawLoad.RunAsync(hop, body, Connections, requests);

        var before = GC.GetTotalAllocatedBytes(precise: true);
        var load = await RawLoad.RunAsync(hop, body, Connections, requests);
        var allocated = GC.GetTotalAllocatedBytes(precise: true) - before;
        return load.Errors == 0 ? (double)allocated / requests : throw new InvalidOperationException($"{load.Errors} errors at {hop.Name}");
    }
}
