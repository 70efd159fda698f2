using System.Runtime.InteropServices;

namespace Gateway.Hosting;

/// <summary>
/// Stops the host on SIGINT, SIGQUIT and SIGTERM, and remembers that it did. The exit code depends on it: a host that stops for any other
/// reason has failed. .NET's own <c>ConsoleLifetime</c> does not tell the two apart.
/// </summary>
internal sealed class SignalLifetime(IHostApplicationLifetime lifetime) : IHostLifetime, IDisposable
{
    private readonly List<PosixSignalRegistration> _registrations = [];
    private volatile bool _hasSignal;

    /// <summary>Whether the process was asked to end.</summary>
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

    /// <summary>Notes a signal without stopping the host.</summary>
    public void NoteSignal() => _hasSignal = true;

    /// <inheritdoc />
    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc />
    public void Dispose() => _registrations.ForEach(static registration => registration.Dispose());

    private void OnSignal(PosixSignalContext context)
    {
        // The host ends the process, not the default action of the signal.
        context.Cancel = true;
        NoteSignal();
        lifetime.StopApplication();
    }
}
