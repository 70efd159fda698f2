using System.Runtime.InteropServices;
using Gateway.Configuration;
using Gateway.Primitives;
using Gateway.Requests;

namespace Gateway.Hosting;

/// <summary>
/// Handles the signals. The first SIGINT, SIGQUIT or SIGTERM stops the host, and is recorded: a host that stops without a signal has failed,
/// and the exit code shows it. The second one ends the process at once. SIGHUP reads the settings; where it is ignored, as under
/// <c>nohup</c>, it stays ignored. .NET's <c>ConsoleLifetime</c> does none of these.
/// </summary>
internal sealed partial class SignalLifetime : IHostLifetime, IDisposable
{
    // A shell reports the end of a process by a signal as 128 and the signal's number.
    private const int EndedBySignal = 128;

    private readonly IHostApplicationLifetime _lifetime;
    private readonly SettingsWatcher _settings;
    private readonly RequestDrain _drain;
    private readonly RequestsInFlight _inFlight;
    private readonly ILogger<SignalLifetime> _logger;
    private readonly List<PosixSignalRegistration> _registrations = [];
    private int _hasSignal;

    public SignalLifetime(
        IHostApplicationLifetime lifetime,
        SettingsWatcher settings,
        RequestDrain drain,
        RequestsInFlight inFlight,
        ILogger<SignalLifetime> logger)
    {
        _lifetime = lifetime;
        _settings = settings;
        _drain = drain;
        _inFlight = inFlight;
        _logger = logger;
    }

    /// <summary>Whether a signal to stop was received.</summary>
    public bool HasSignal => Volatile.Read(ref _hasSignal) != 0;

    /// <inheritdoc />
    public Task WaitForStartAsync(CancellationToken cancellationToken)
    {
        Register(PosixSignal.SIGINT, 2);
        Register(PosixSignal.SIGQUIT, 3);
        Register(PosixSignal.SIGTERM, 15);

        // On Windows, SIGHUP means that the console is closed.
        if (!OperatingSystem.IsWindows())
        {
            _registrations.Add(PosixSignalRegistration.Create(PosixSignal.SIGHUP, context =>
            {
                context.Cancel = true;
                _settings.ReadNow();
            }));
        }

        return Task.CompletedTask;
    }

    /// <summary>Records a signal without stopping the host.</summary>
    public void NoteSignal() => Volatile.Write(ref _hasSignal, 1);

    /// <inheritdoc />
    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc />
    public void Dispose() => _registrations.ForEach(static registration => registration.Dispose());

    private void Register(PosixSignal signal, int number) => _registrations.Add(PosixSignalRegistration.Create(signal, context =>
    {
        // Suppresses the default action of the signal: the host ends the process.
        context.Cancel = true;
        if (Interlocked.Exchange(ref _hasSignal, 1) != 0)
        {
            Environment.Exit(EndedBySignal + number);
        }

        Log.StopRequested(_logger, signal, _inFlight.Count, _drain.TimeToFinish);
        _lifetime.StopApplication();
    }));

    private static partial class Log
    {
        [LoggerMessage(
            LogEvents.StopRequested,
            LogLevel.Information,
            "{Signal}: the gateway stops; {InFlight} requests in flight have {TimeToFinish} to finish. A second signal ends it at once")]
        public static partial void StopRequested(ILogger logger, PosixSignal signal, int inFlight, TimeSpan timeToFinish);
    }
}
