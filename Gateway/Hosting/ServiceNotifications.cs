using Microsoft.Extensions.Hosting.Systemd;

namespace Gateway.Hosting;

/// <summary>
/// Reports to systemd that the gateway is ready and that it is stopping, for a unit of <c>Type=notify</c>. Does nothing without
/// <c>NOTIFY_SOCKET</c>. <c>AddSystemd</c> is not used: it replaces <see cref="SignalLifetime"/>.
/// </summary>
internal sealed class ServiceNotifications : IHostedService
{
    public ServiceNotifications(ISystemdNotifier systemd, IHostApplicationLifetime lifetime)
    {
        lifetime.ApplicationStarted.Register(() => systemd.Notify(ServiceState.Ready));
        lifetime.ApplicationStopping.Register(() => systemd.Notify(ServiceState.Stopping));
    }

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
