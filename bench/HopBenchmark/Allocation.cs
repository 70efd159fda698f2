namespace HopBenchmark;

/// <summary>Managed bytes that the gateway allocates for a request, measured with the gateway inside this program.</summary>
internal static class Allocation
{
    /// <summary>Bytes allocated for each byte more of body that still count as none: segments and log text may differ a little.</summary>
    public const double GoalGrowth = 0.01;

    private const int Connections = 4;

    /// <summary>Bytes a request, without what the client of this program allocates itself.</summary>
    public static async Task<long> MeasureAsync(Hop direct, Hop gateway, byte[] body, int requests)
    {
        return await AllocatedAsync(gateway, body, requests) - await AllocatedAsync(direct, body, requests);
    }

    private static async Task<long> AllocatedAsync(Hop hop, byte[] body, int requests)
    {
        // Pools fill, code is compiled.
        await RawLoad.RunAsync(hop, body, Connections, requests);

        var before = GC.GetTotalAllocatedBytes(precise: true);
        var load = await RawLoad.RunAsync(hop, body, Connections, requests);
        var allocated = GC.GetTotalAllocatedBytes(precise: true) - before;
        return load.Errors == 0 ? allocated / requests : throw new InvalidOperationException($"{load.Errors} errors at {hop.Name}");
    }
}
