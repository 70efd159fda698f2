using Gateway.Configuration;

namespace Gateway.Hosting;

/// <summary>
/// Keeps the listener open for <c>ShutdownDelay</c> after a stop is requested, with readiness off: load balancers stop sending requests
/// first.
/// </summary>
internal sealed class ShutdownDelay(SettingsStore settings, TimeProvider time) : IHostedLifecycleService
{
    private readonly TimeSpan _delay = settings.Current.Settings.Server.ShutdownDelay;

    public Task StoppingAsync(CancellationToken cancellationToken) =>
        _delay > TimeSpan.Zero ? Task.Delay(_delay, time, cancellationToken) : Task.CompletedTask;

    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
