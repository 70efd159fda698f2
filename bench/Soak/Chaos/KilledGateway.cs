namespace Soak.Chaos;

/// <summary>The gateway as a process that is killed at any moment and starts again on the same port and ledger.</summary>
internal sealed class KilledGateway(string folder, int port, IReadOnlyList<string> command) : IDisposable
{
    private readonly List<Sample> _earlier = [];
    private ServedProcess? _process;
    private Sampler? _sampler;
    private CancellationTokenSource? _stopSampling;
    private Task _sampling = Task.CompletedTask;
    private int _changes;
    private int _starts;

    /// <summary>Odd while it runs. A call that sees the same number at its start and end has met no kill.</summary>
    public int Changes => Volatile.Read(ref _changes);

    /// <summary>The number of kills.</summary>
    public int Kills => _starts - 1;

    /// <summary>The current process.</summary>
    public ServedProcess Process => _process!;

    /// <summary>The samples of the current process.</summary>
    public IReadOnlyList<Sample> Samples => _sampler!.Samples;

    /// <summary>The samples of all processes.</summary>
    public IEnumerable<Sample> AllSamples => _earlier.Concat(Samples);

    /// <summary>The outputs of all processes.</summary>
    public IEnumerable<string> Outputs => Enumerable.Range(1, _starts).Select(number => Path.Combine(folder, $"gateway-{number}.log"));

    public async Task StartAsync()
    {
        _starts++;
        _process = ServedProcess.Start(folder, $"gateway-{_starts}", command);
        await Programs.WaitAsync(_process, new Uri($"http://127.0.0.1:{port}/health/ready"));
        _sampler = new Sampler(_process);
        _sampler.BeginLoad();
        _stopSampling = new CancellationTokenSource();
        _sampling = _sampler.RunAsync(_stopSampling.Token);
        Interlocked.Increment(ref _changes);
    }

    /// <summary>Kills it (SIGKILL) and starts it again.</summary>
    public async Task KillAndStartAsync()
    {
        Interlocked.Increment(ref _changes);
        _process!.Dispose();
        await StopSamplingAsync();
        _earlier.AddRange(Samples);
        await StartAsync();
    }

    public async Task StopSamplingAsync()
    {
        if (_stopSampling is { } stop)
        {
            await stop.CancelAsync();
            await _sampling;
            stop.Dispose();
            _stopSampling = null;
        }
    }

    public void Dispose()
    {
        _stopSampling?.Dispose();
        _process?.Dispose();
    }
}
