using System.Diagnostics;

namespace Soak;

/// <summary>Takes a sample every second, from before the load until after it.</summary>
internal sealed class Sampler(ServedProcess process)
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    private readonly List<Sample> _samples = [];
    private readonly Lock _lock = new();
    private long _loadBegan = Stopwatch.GetTimestamp();

    /// <summary>All samples so far.</summary>
    public IReadOnlyList<Sample> Samples
    {
        get
        {
            lock (_lock)
            {
                return [.. _samples];
            }
        }
    }

    /// <summary>Starts the time of the load.</summary>
    public void BeginLoad()
    {
        lock (_lock)
        {
            _samples.Clear();
            _loadBegan = Stopwatch.GetTimestamp();
        }
    }

    /// <summary>Takes one sample.</summary>
    public Sample Take()
    {
        lock (_lock)
        {
            var sample = process.Take(Stopwatch.GetElapsedTime(_loadBegan), _samples.LastOrDefault());
            _samples.Add(sample);
            return sample;
        }
    }

    /// <summary>Takes samples until cancelled, or until the process has ended.</summary>
    public async Task RunAsync(CancellationToken stop)
    {
        using var timer = new PeriodicTimer(Interval);
        try
        {
            while (!process.HasExited)
            {
                await timer.WaitForNextTickAsync(stop);
                Take();
            }
        }
        catch (OperationCanceledException)
        {
            // The expected end.
        }
        catch (Exception gone) when (gone is IOException or InvalidOperationException)
        {
            // The process ended during the sample: its files are gone or empty. The run detects that itself.
        }
    }
}
