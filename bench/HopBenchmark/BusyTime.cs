namespace HopBenchmark;

/// <summary>How quiet the machine was: its busy time that neither a hop nor the upstream nor the load accounts for.</summary>
internal sealed class BusyTime
{
    private TimeSpan _others;
    private TimeSpan _possible;

    /// <summary>The others' share of all processors' time while something was measured, in percent.</summary>
    public double OthersPercent => _possible == TimeSpan.Zero ? 0 : Math.Max(0, 100 * (_others / _possible));

    /// <summary>Runs a piece of work and looks at who was busy meanwhile.</summary>
    public async Task<T> WatchAsync<T>(IEnumerable<MeasuredProcess> ours, TimeProvider time, Func<Task<T>> workAsync)
    {
        var processes = ours.ToArray();
        var start = time.GetTimestamp();
        var before = Others(processes);
        var result = await workAsync();
        _others += Others(processes) - before;
        _possible += time.GetElapsedTime(start) * Environment.ProcessorCount;
        return result;
    }

    private static TimeSpan Others(MeasuredProcess[] ours) =>
        ours.Aggregate(MeasuredProcess.MachineCpuTime - MeasuredProcess.OwnCpuTime, (rest, process) => rest - process.CpuTime);
}
