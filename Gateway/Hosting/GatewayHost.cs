using Gateway.Admin;
using Gateway.Alerts;
using Gateway.Attempts;
using Gateway.Catalogue;
using Gateway.Configuration;
using Gateway.Configuration.Model;
using Gateway.Configuration.Reading;
using Gateway.Health;
using Gateway.Ledger;
using Gateway.Observability;
using Gateway.Requests;
using Gateway.Upstream;
using Gateway.Workers;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting.Systemd;
using Microsoft.Extensions.Options;
using OpenRouterGateway.Transforms;
using OpenRouterGateway.Transforms.ProviderMapping;
using Yarp.ReverseProxy.Configuration;
using Yarp.ReverseProxy.Forwarder;
using Yarp.ReverseProxy.Health;

namespace Gateway.Hosting;

/// <summary>
/// Builds the host. It starts from an empty builder: the default one adds services and middleware that the gateway does not use.
/// </summary>
internal static class GatewayHost
{
    // For the steps of a shutdown after the requests in flight.
    private static readonly TimeSpan TimeToStop = TimeSpan.FromSeconds(5);

    /// <summary>The longest time from a signal to the end of the process.</summary>
    public static TimeSpan ShutdownTime(ServerSettings server) => server.ShutdownDelay + server.ShutdownTimeout + TimeToStop;

    public static WebApplication Build(
        SettingsSnapshot snapshot, SettingsSources sources, SettingsFiles files, SettingsLoader loader, TextWriter output)
    {
        var server = snapshot.Settings.Server;
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions
        {
            EnvironmentName = sources.EnvironmentName,
            ContentRootPath = sources.WorkingDirectory,
        });
        builder.WebHost.UseKestrelCore();
        builder.Services.AddSingleton<IMemoryPoolFactory<byte>, ConnectionMemory>();

        // Kestrel uses the last registered transport that can bind an address.
        builder.Services.AddSingleton<ConnectionGate>();
        builder.Services.AddSingleton<IConnectionListenerFactory>(static provider => new LimitedTransport(
            new SocketTransportFactory(
                provider.GetRequiredService<IOptions<SocketTransportOptions>>(), provider.GetRequiredService<ILoggerFactory>()),
            provider.GetRequiredService<ConnectionGate>()));
        builder.Services.AddHostedService<ConnectionLimits>();
        builder.Services.Configure<SocketTransportOptions>(static sockets =>
        {
            sockets.MaxReadBufferSize = KestrelSetup.UnreadSize;

            // Continuations of completed reads and writes run on the thread that polls the socket; see Program.
            sockets.UnsafePreferInlineScheduling = true;
        });
        if (server.Https)
        {
            builder.WebHost.UseKestrelHttpsConfiguration();
        }

        var levels = new LogLevels(snapshot.Settings.Logging);
        builder.Logging.AddGatewayLogging(levels, output);

        var services = builder.Services;
        services.AddSingleton(TimeProvider.System);
        services.AddSingleton(loader);
        services.AddSingleton(sources);
        services.AddSingleton(files);
        services.AddSingleton(_ => snapshot);
        services.AddSingleton<WorkerHealth>();
        services.AddSingleton<SettingsStore>();
        services.AddSingleton<IConfigChangeListener>(static provider => provider.GetRequiredService<SettingsStore>());
        services.AddSingleton(static provider => provider.GetRequiredService<SettingsStore>().ProxyConfig);
        services.AddSingleton<SettingsWatcher>();
        services.AddHostedService(static provider => provider.GetRequiredService<SettingsWatcher>());
        services.AddSingleton<RequestsInFlight>();
        services.AddSingleton<RequestDrain>();
        services.AddHostedService(static provider => provider.GetRequiredService<RequestDrain>());
        services.AddSingleton<Readiness>();
        services.AddHostedService<ShutdownDelay>();
        services.AddHostedService<StartupSummary>();
        services.AddHostedService<StartupMemoryTrimmer>();
        services.AddSingleton<ISystemdNotifier, SystemdNotifier>();
        services.AddHostedService<ServiceNotifications>();
        services.AddSingleton<SignalLifetime>();
        services.AddSingleton<IHostLifetime>(static provider => provider.GetRequiredService<SignalLifetime>());
        services.Configure<HostOptions>(host =>
        {
            host.ShutdownTimeout = ShutdownTime(server);

            // A failed background service must not stop the host while requests are in flight. Workers continue after failures on their
            // own.
            host.BackgroundServiceExceptionBehavior = BackgroundServiceExceptionBehavior.Ignore;
        });

        services.AddGatewayAdmin(
            snapshot.Settings.Admin with { Token = snapshot.AdminToken?.Reveal() ?? "" },
            OpenLedgerAsync,
            Environment.GetEnvironmentVariable);
        services.AddTeams(snapshot, sources);
        services.AddRoutingCore();
        services.AddSingleton<IForwarderHttpClientFactory, UpstreamClientFactory>();
        AddTransforms(services.AddReverseProxy());
        services.AddOptions<ProviderMappingOptions>().Configure<SettingsStore>(static (mapping, settings) =>
        {
            mapping.RequestBodyMemory = () => settings.Current.Settings.Server.RequestBodyMemory;
            mapping.MaxWaitingBodies = () => settings.Current.Settings.Server.MaxWaitingBodies;
        });
        services.AddSingleton<DecisionLog>();
        services.AddOptions<ProviderMappingOptions>().Configure<DecisionLog>(static (mapping, log) => mapping.Observer = log);
        DisableDataProtectionKeys(services);

        // YARP registers authorization, which makes the host add a middleware to every request. The settings check rejects authorization
        // policies of routes.
        services.RemoveAll<IAuthorizationHandlerProvider>();

        if (server.Https)
        {
            services.AddSingleton<Func<string, string, TlsCertificate>>(TlsCertificate.Load);
            services.AddSingleton<TlsCertificateStore>();
            services.AddHostedService(static provider => provider.GetRequiredService<TlsCertificateStore>());
        }

        builder.WebHost.ConfigureKestrel(
            kestrel => KestrelSetup.Apply(
                kestrel,
                server,
                kestrel.ApplicationServices.GetRequiredService<ConnectionGate>(),
                kestrel.ApplicationServices.GetService<TlsCertificateStore>()));

        var app = builder.Build();
        app.Services.GetRequiredService<SettingsStore>().Changed += next => levels.Apply(next.Settings.Logging);
        app.Lifetime.ApplicationStarted.Register(levels.Started);
        app.MapGateway();
        return app;
    }

    /// <summary>
    /// Registers the transforms that routes may declare, those of every route, and the health policy that clusters may name. The dry run of the
    /// settings registers the same ones.
    /// </summary>
    public static IReverseProxyBuilder AddTransforms(IReverseProxyBuilder proxy)
    {
        proxy.Services.AddSingleton(TimeProvider.System);
        proxy.Services.AddSingleton<DestinationOutages>();
        proxy.Services.AddSingleton<LeftAloneDestinations>();
        proxy.Services.AddSingleton<ReachedDestinations>();
        proxy.Services.AddSingleton<IPassiveHealthCheckPolicy, TransportFailurePolicy>();
        proxy.Services.AddSingleton<AlertSignals>();
        proxy.Services.AddSingleton<CatalogueMemory>();
        proxy.Services.AddSingleton<CatalogueResponse>();
        proxy.Services.AddSingleton<ResponseMemory>();
        return proxy
            .AddProviderMapping(static mapping =>
            {
                mapping.Rules = static context => GatewayContext.Of(context) is { Team: { } team }
                    ? team.Rules
                    : GatewayContext.Of(context).Snapshot.Rules;
                mapping.MaxRequestBodySize = static context => GatewayContext.Of(context).Snapshot.Settings.Server.MaxRequestBodySize;
                // Teams share the memory; without teams, the peer addresses do.
                var peer = mapping.RequestBodyOwner;
                mapping.RequestBodyOwner = context => GatewayContext.Of(context).Team?.Id ?? peer(context);
                mapping.EndpointPath = static context => GatewayContext.Of(context).Route.Facts.EndpointPathOf(context.Request.Path);
                mapping.OnRejected = static (context, rejection) =>
                    Errors.ErrorMiddleware.RefuseAsync(context, Errors.GatewayError.Rejected(rejection));
            })
            .AddTransformFactory<BaseAddressTransformFactory>()
            .AddTransforms<UpstreamTransforms>();
    }

    /// <summary>The ledger for the admin address; <see langword="null"/> as long as no team was configured.</summary>
    private static async ValueTask<ILedgerStore?> OpenLedgerAsync(IServiceProvider provider)
    {
        var ledger = provider.GetRequiredService<LedgerAccess>();
        if (!ledger.IsOpen && provider.GetRequiredService<SettingsStore>().Current.Teams.IsEmpty)
        {
            return null;
        }

        await ledger.EnsureOpenAsync();
        return ledger.Store;
    }

    /// <summary>
    /// Turns off data protection, which YARP registers for session affinity and which writes key files into the user's home directory at
    /// each start. The gateway does not support session affinity.
    /// </summary>
    private static void DisableDataProtectionKeys(IServiceCollection services)
    {
        services.AddDataProtection().UseEphemeralDataProtectionProvider();
        var dataProtection = typeof(DataProtectionServiceCollectionExtensions).Assembly;
        foreach (var service in services
            .Where(service => service.ServiceType == typeof(IHostedService) && service.ImplementationType?.Assembly == dataProtection)
            .ToArray())
        {
            services.Remove(service);
        }
    }
}
