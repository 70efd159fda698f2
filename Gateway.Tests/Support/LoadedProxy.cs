using Gateway.Configuration;
using Gateway.Upstream;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Yarp.ReverseProxy;
using Yarp.ReverseProxy.Forwarder;

namespace Gateway.Tests.Support;

/// <summary>YARP's state for the clusters of some settings, with the program's HTTP clients and without a listener.</summary>
internal sealed class LoadedProxy : IAsyncDisposable
{
    private readonly WebApplication _app;

    public LoadedProxy(SettingsStore settings)
    {
        // The default builders watch the tests' output folder with all that is below it.
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore();
        builder.Services.AddRouting();
        builder.Services.AddSingleton(settings);
        global::Gateway.Hosting.GatewayHost.AddTransforms(builder.Services.AddReverseProxy().LoadFromMemory([], settings.Current.Clusters));
        builder.Services.AddSingleton<IForwarderHttpClientFactory, UpstreamClientFactory>();
        _app = builder.Build();
        _app.MapReverseProxy();
    }

    public IProxyStateLookup State => _app.Services.GetRequiredService<IProxyStateLookup>();

    public ValueTask DisposeAsync() => _app.DisposeAsync();
}
