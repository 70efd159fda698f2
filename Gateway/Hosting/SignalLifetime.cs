using System.Runtime.InteropServices;

namespace Gateway.Hosting;

/// <summary>
/// Stops the host on SIGINT, SIGQUIT and SIGTERM, and records the signal. A host that stops without a signal has failed, and the exit code
/// shows it. .NET's <c>ConsoleLifetime</c> does not distinguish the two.
/// </summary>
internal sealed class SignalLifetime(IHostApplicationLifetime lifetime) : IHostLifetime, IDisposable
{
    private readonly List<PosixSignalRegistration> _registrations = [];
    private volatile bool _hasSignal;

    /// <summary>Whether a signal was received.</summary>
    public bool HasSignal => _hasSignal;

    /// <inheritdoc />
    public Task WaitForStartAsync(CancellationToken cancellationToken)
    {
        foreach (var signal in (ReadOnlySpan<PosixSignal>)[PosixSignal.SIGINT, PosixSignal.SIGQUIT, PosixSignal.SIGTERM])
        {
            _registrations.Add(PosixSignalRegistration.Create(signal, OnSignal));
        }

        return Task.CompletedTask;
    }

    /// <summary>Records a signal without stopping the host.</summary>
    public void NoteSignal() => _hasSignal = true;

    /// <inheritdoc />
    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc />
    public void Dispose() => _registrations.ForEach(static registration => registration.Dispose());

    private void OnSignal(PosixSignalContext context)
    {
        // Suppresses the default action of the signal: the host ends the process.
        context.Cancel = true;
        NoteSignal();
        lifetime.StopApplication();
    }
}
