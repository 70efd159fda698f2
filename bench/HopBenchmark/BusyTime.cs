namespace HopBenchmark;

/// <summary>
/// Measures how quiet the machine is: its busy time without that of the hop, the upstream and the load. A measurement disturbed by other
/// processes is repeated.
/// </summary>
internal sealed class BusyTime
{
    private const double QuietPercent = 8;
    private const int MaxAttempts = 3;

    private static readonly TimeSpan Sample = TimeSpan.FromMilliseconds(500);

    private readonly TimeSpan _patience;
    private readonly TimeProvider _time;
    private TimeSpan _others;
    private TimeSpan _possible;

    /// <param name="patience">The time limit of the wait for a quiet machine before a measurement; zero measures at once.</param>
    /// <param name="time">The clock.</param>
    public BusyTime(TimeSpan patience, TimeProvider time)
    {
        _patience = patience;
        _time = time;
    }

    /// <summary>The share of all processors' time that other processes used during the counted measurements, in percent.</summary>
    public double OthersPercent => Percent(_others, _possible);

    /// <summary>Measures while the machine is quiet, if it becomes quiet in time.</summary>
    public async Task<T> MeasureAsync<T>(IReadOnlyList<MeasuredProcess> ours, Func<Task<T>> measureAsync)
    {
        for (var attempt = 1; ; attempt++)
        {
            await WaitForQuietAsync(ours);
            var start = _time.GetTimestamp();
            var before = Others(ours);
            var result = await measureAsync();
            var others = Others(ours) - before;
            var possible = _time.GetElapsedTime(start) * Environment.ProcessorCount;
            if (_patience == TimeSpan.Zero || attempt == MaxAttempts || Percent(others, possible) <= QuietPercent)
            {
                _others += others;
                _possible += possible;
                return result;
            }
        }
    }

    /// <summary>Waits for a quiet machine, up to the time limit: for measurements that cannot be repeated.</summary>
    public async Task WaitForQuietAsync(IReadOnlyList<MeasuredProcess> ours)
    {
        var start = _time.GetTimestamp();
        while (_time.GetElapsedTime(start) < _patience)
        {
            var before = Others(ours);
            await Task.Delay(Sample, _time);
            if (Percent(Others(ours) - before, Sample * Environment.ProcessorCount) <= QuietPercent)
            {
                return;
            }
        }
    }

    private static double Percent(TimeSpan part, TimeSpan whole) => whole == TimeSpan.Zero ? 0 : Math.Max(0, 100 * (part / whole));

    private static TimeSpan Others(IReadOnlyList<MeasuredProcess> ours) =>
        ours.Aggregate(MeasuredProcess.MachineCpuTime - MeasuredProcess.OwnCpuTime, (rest, process) => rest - process.CpuTime);
}
