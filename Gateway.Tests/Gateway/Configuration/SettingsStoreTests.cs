using System.Globalization;
using Gateway.Configuration;
using Gateway.Tests.Support;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.TestHost;
using Microsoft.Extensions.DependencyInjection;
using Xunit;
using Yarp.ReverseProxy.Configuration;
using Yarp.ReverseProxy.Transforms.Builder;

namespace Gateway.Tests.Gateway.Configuration;

/// <summary>The store with YARP itself behind it.</summary>
public sealed class SettingsStoreTests : IDisposable
{
    private readonly SettingsFolder _folder = new();
    private readonly ListLogger<SettingsStore> _log = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task ChangedRoutes_AreAppliedWhenPublishReturns()
    {
        var first = await SnapshotAsync(0);
        var second = await SnapshotAsync(2);
        using var store = new SettingsStore(first, TimeProvider.System, _log);
        await using var app = await StartAsync(store);
        var client = app.GetTestClient();
        Assert.Equal("0 0", await GetAsync(client));

        Assert.True(await store.PublishAsync(second, TestContext.Current.CancellationToken));

        Assert.Same(second, store.Current);
        Assert.Equal("2 2", await GetAsync(client));
    }

    [Fact]
    public async Task ChangedBodyLimitAlone_ReachesYarp()
    {
        // yarp#3027: its comparison of routes overlooks the limit; the stamp does not.
        var json = SettingsFolder.Json();
        _folder.Write("appsettings.json", json);
        var first = await _folder.LoadGoodAsync();
        _folder.Write("appsettings.json", json.Replace("\"Match\"", "\"MaxRequestBodySize\": 5, \"Match\"", StringComparison.Ordinal));
        var second = await _folder.LoadGoodAsync();
        using var store = new SettingsStore(first, TimeProvider.System, _log);
        await using var app = await StartAsync(store);

        Assert.True(await store.PublishAsync(second, TestContext.Current.CancellationToken));

        var route = Assert.Single(app.Services.GetRequiredService<Yarp.ReverseProxy.IProxyStateLookup>().GetRoutes());
        Assert.Equal(5, route.Config.MaxRequestBodySize);
    }

    [Fact]
    public async Task RoutesThatYarpRefuses_KeepTheLastGoodAsAWhole()
    {
        var first = await SnapshotAsync(0);
        var second = await SnapshotAsync(2);
        using var store = new SettingsStore(first, TimeProvider.System, _log);
        var trap = new Trap();
        await using var app = await StartAsync(store, proxy => proxy.Services.AddSingleton<ITransformProvider>(trap));
        var client = app.GetTestClient();
        Assert.Equal("0 0", await GetAsync(client));
        trap.IsSet = true;

        Assert.False(await store.PublishAsync(second, TestContext.Current.CancellationToken));

        Assert.Same(first, store.Current);
        Assert.Equal("0 0", await GetAsync(client));
        Assert.False(store.State.LastReloadSucceeded);
        Assert.Equal("ReverseProxy: YARP did not apply the routes: the trap is set", Assert.Single(store.State.Faults).ToString());

        trap.IsSet = false;
        Assert.True(await store.PublishAsync(second, TestContext.Current.CancellationToken));
        Assert.Equal("2 2", await GetAsync(client));
    }

    [Fact]
    public async Task TwoHundredReloadsUnderLoad_NeverMixRoutesAndRules()
    {
        const int Reloads = 200;
        var snapshots = new List<SettingsSnapshot>();
        for (var i = 0; i < 20; i++)
        {
            snapshots.Add(await SnapshotAsync(i));
        }

        using var store = new SettingsStore(snapshots[0], TimeProvider.System, _log);
        await using var app = await StartAsync(store);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        var seen = new HashSet<string>[4];
        var answered = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var readers = Enumerable.Range(0, seen.Length).Select(i => Task.Run(async () =>
        {
            seen[i] = [];
            var client = app.GetTestClient();
            while (!stop.IsCancellationRequested)
            {
                seen[i].Add(await GetAsync(client));
                Interlocked.Exchange(ref answered, new(TaskCreationOptions.RunContinuationsAsynchronously)).SetResult();
            }
        })).ToArray();

        for (var i = 1; i <= Reloads; i++)
        {
            Assert.True(await store.PublishAsync(snapshots[i % snapshots.Count], TestContext.Current.CancellationToken));

            // Every reload meets requests, however far they ran ahead during an earlier one.
            await Volatile.Read(ref answered).Task.GuardAsync();
        }

        await stop.CancelAsync();
        await Task.WhenAll(readers);

        // Every second change has new routes; a rule's number tells which ones it belongs to.
        var pairs = seen.SelectMany(pair => pair).Distinct()
            .Select(pair => pair.Split(' ').Select(part => int.Parse(part, CultureInfo.InvariantCulture)).ToArray()).ToArray();
        Assert.True(pairs.Length > 2);
        Assert.All(pairs, pair => Assert.Equal(pair[0], pair[1] - (pair[1] % 2)));
    }

    [Fact]
    public async Task ForRoute_GivesTheNewestWithThisRoute_HoweverOldItIs()
    {
        var snapshots = new List<SettingsSnapshot>();
        for (var i = 0; i < 12; i++)
        {
            snapshots.Add(await SnapshotAsync(i));
        }

        using var store = new SettingsStore(snapshots[0], TimeProvider.System, _log);
        await using var app = await StartAsync(store);
        foreach (var snapshot in snapshots.Skip(1))
        {
            Assert.True(await store.PublishAsync(snapshot, TestContext.Current.CancellationToken));
        }

        Assert.Same(snapshots[1], store.ForRoute(snapshots[0].Routes[0]));
        Assert.Same(snapshots[11], store.ForRoute(snapshots[10].Routes[0]));
        Assert.Same(snapshots[11], store.ForRoute(new RouteConfig { RouteId = "somebody else's" }));
    }

    /// <summary>Settings whose rule has the number; routes have that of the even number below it.</summary>
    private async Task<SettingsSnapshot> SnapshotAsync(int number)
    {
        var routes = number - (number % 2);
        _folder.Write("appsettings.json", SettingsFolder.Json(
            $$""" "ProviderMapping": { "Rules": [ { "Name": "{{number}}", "Model": "*", "Provider": { "zdr": true } } ] } """)
            .Replace("\"Match\"", $$""" "Metadata": { "number": "{{routes}}" }, "Match" """, StringComparison.Ordinal));
        return await _folder.LoadGoodAsync();
    }

    private static async Task<string> GetAsync(HttpClient client) =>
        await client.GetStringAsync(new Uri("http://localhost/x"), TestContext.Current.CancellationToken);

    /// <summary>A proxy that answers with the number of the matched route and that of the rules for it.</summary>
    private static async Task<WebApplication> StartAsync(SettingsStore store, Action<IReverseProxyBuilder>? configure = null)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseTestServer();
        builder.Services.AddRoutingCore();
        builder.Services.AddSingleton<IConfigChangeListener>(store);
        builder.Services.AddSingleton(store.ProxyConfig);
        var proxy = global::Gateway.Hosting.GatewayHost.AddTransforms(builder.Services.AddReverseProxy());
        configure?.Invoke(proxy);
        var app = builder.Build();
        app.UseRouting();
        app.MapReverseProxy(pipeline => pipeline.Run(async context =>
        {
            var route = context.GetReverseProxyFeature().Route.Config;
            await context.Response.WriteAsync(
                $"{route.Metadata!["number"]} {store.ForRoute(route).Rules.Rules[0].Name}", context.RequestAborted);
        }));
        await app.StartAsync(TestContext.Current.CancellationToken);
        return app;
    }

    private sealed class Trap : ITransformProvider
    {
        public bool IsSet { get; set; }

        public void ValidateRoute(TransformRouteValidationContext context)
        {
        }

        public void ValidateCluster(TransformClusterValidationContext context)
        {
        }

        public void Apply(TransformBuilderContext context)
        {
            // Only the new routes: YARP is half way through by then.
            if (IsSet && context.Route.Metadata!["number"] != "0")
            {
                throw new InvalidOperationException("the trap is set");
            }
        }
    }
}
