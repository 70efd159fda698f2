using System.Reflection;
using Gateway.Configuration;
using Gateway.Primitives;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;

namespace Gateway.Hosting;

/// <summary>Logs a summary once the listener is open. Contains no secret.</summary>
internal sealed partial class StartupSummary : IHostedService
{
    private readonly SettingsStore _settings;
    private readonly IServer _server;
    private readonly ILogger<StartupSummary> _logger;

    public StartupSummary(SettingsStore settings, IServer server, IHostApplicationLifetime lifetime, ILogger<StartupSummary> logger)
    {
        _settings = settings;
        _server = server;
        _logger = logger;
        lifetime.ApplicationStarted.Register(Write);
    }

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    private void Write()
    {
        var snapshot = _settings.Current;
        foreach (var warning in snapshot.Warnings)
        {
            Log.SettingWarned(_logger, warning.Path, warning.Message);
        }

        Log.Started(
            _logger,
            typeof(StartupSummary).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "",
            string.Join(", ", _server.Features.Get<IServerAddressesFeature>()?.Addresses ?? []),
            string.Join(", ", snapshot.Clusters.SelectMany(cluster => cluster.Destinations?.Values ?? []).Select(to => to.Address)),
            snapshot.Rules.Rules.Count,
            snapshot.Rules.Aliases.Count,
            snapshot.Version);
    }

    private static partial class Log
    {
        [LoggerMessage(
            LogEvents.Started,
            LogLevel.Information,
            "OpenRouterGateway {Product} listens on {Addresses} and forwards to {Upstream}; "
            + "{Rules} rules, {Aliases} aliases, settings {Version}")]
        public static partial void Started(
            ILogger logger, string product, string addresses, string upstream, int rules, int aliases, string version);

        [LoggerMessage(LogEvents.SettingWarned, LogLevel.Warning, "{Path}: {Warning}")]
        public static partial void SettingWarned(ILogger logger, string path, string warning);
    }
}
