namespace HopBenchmark;

/// <summary>
/// How quiet the machine is: its busy time that neither a hop nor the upstream nor the load accounts for. A measurement that others
/// disturbed is taken again.
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

    /// <param name="patience">How long to wait for quiet before a measurement; nothing: it is taken as it comes.</param>
    /// <param name="time">The clock.</param>
    public BusyTime(TimeSpan patience, TimeProvider time)
    {
        _patience = patience;
        _time = time;
    }

    /// <summary>The others' share of all processors' time during the measurements that count, in percent.</summary>
    public double OthersPercent => Percent(_others, _possible);

    /// <summary>Takes a measurement while the machine is quiet, or at least tries to.</summary>
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

    /// <summary>Waits until the machine is quiet, within bounds: for what cannot be taken again.</summary>
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
