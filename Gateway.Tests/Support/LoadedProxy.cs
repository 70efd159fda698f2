using Gateway.Configuration;
using Gateway.Upstream;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Yarp.ReverseProxy;
using Yarp.ReverseProxy.Forwarder;

namespace Gateway.Tests.Support;

/// <summary>YARP's state for the clusters of a snapshot, with the program's HTTP clients and without a listener.</summary>
internal sealed class LoadedProxy : IAsyncDisposable
{
    private readonly WebApplication _app;

    public LoadedProxy(SettingsSnapshot snapshot)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Services.AddReverseProxy().LoadFromMemory([], snapshot.Clusters);
        builder.Services.AddSingleton<IForwarderHttpClientFactory, UpstreamClientFactory>();
        _app = builder.Build();
        _app.MapReverseProxy();
    }

    public IProxyStateLookup State => _app.Services.GetRequiredService<IProxyStateLookup>();

    public ValueTask DisposeAsync() => _app.DisposeAsync();
}
