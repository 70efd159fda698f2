using System.Net;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Gateway.Tests.Support;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using OpenRouterGateway.Transforms;
using Xunit;
using Yarp.ReverseProxy.Configuration;

namespace Gateway.Tests.Transforms.ProviderMapping.Settings;

/// <summary>
/// A YARP host of a third party: routes and rules come from one settings file, through nothing but YARP's and the package's own extension
/// methods. A route's path is <c>/ROUTE</c> and its transform's value the name of a rule set.
/// </summary>
internal sealed class ConfiguredHost : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly string _file;
    private readonly string _upstream;
    private readonly AppliedRoutes _applied;

    private ConfiguredHost(WebApplication app, string file, string upstream, CollectedLogs logs, AppliedRoutes applied)
    {
        _app = app;
        _file = file;
        _upstream = upstream;
        _applied = applied;
        Logs = logs;
    }

    public CollectedLogs Logs { get; }

    /// <summary>The package's own log lines.</summary>
    public IEnumerable<CollectedLogs.Line> OwnLines =>
        Logs.Lines.Where(static line => line.Category.StartsWith("OpenRouterGateway.Transforms", StringComparison.Ordinal));

    public static async Task<ConfiguredHost> StartAsync(string upstream, string mapping, params (string Route, string RuleSet)[] routes)
    {
        var token = TestContext.Current.CancellationToken;
        var file = Path.Combine(Directory.CreateTempSubdirectory("configured-host-").FullName, "appsettings.json");
        await File.WriteAllTextAsync(file, Settings(upstream, mapping, routes), token);
        var logs = new CollectedLogs();
        var applied = new AppliedRoutes();
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Configuration.AddJsonFile(file, optional: false, reloadOnChange: false);
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        builder.Logging.AddProvider(logs);
        builder.Services.AddRouting();
        builder.Services.AddSingleton<IConfigChangeListener>(applied);
        builder.Services.AddReverseProxy()
            .LoadFromConfig(builder.Configuration.GetSection("ReverseProxy"))
            .AddProviderMapping(builder.Configuration.GetSection("ProviderMapping"));
        var app = builder.Build();
        var host = new ConfiguredHost(app, file, upstream, logs, applied);
        try
        {
            app.UseRouting();
            app.MapReverseProxy(static proxy => proxy.UseProviderMapping());
            await app.StartAsync(token);
        }
        catch
        {
            await host.DisposeAsync();
            throw;
        }

        return host;
    }

    /// <summary>Writes the file and tells the host's configuration, which tells YARP and the package. Waits for YARP to apply its routes.</summary>
    public async Task ReloadAsync(string mapping, params (string Route, string RuleSet)[] routes)
    {
        await File.WriteAllTextAsync(_file, Settings(_upstream, mapping, routes), TestContext.Current.CancellationToken);
        var applied = _applied.Next();
        ((IConfigurationRoot)_app.Configuration).Reload();
        await applied.WaitAsync(TestContext.Current.CancellationToken);
    }

    public async Task<int> PostAsync(string route, string body)
    {
        await using var connection = await RawConnection.OpenAsync(new Uri(_app.Urls.Single()));
        await connection.SendAsync($"POST /{route} HTTP/1.1\r\nHost: gateway\r\nContent-Length: {Encoding.UTF8.GetByteCount(body)}\r\n\r\n{body}");
        return (await connection.ReadAnswerAsync()).Status;
    }

    public async ValueTask DisposeAsync()
    {
        await _app.DisposeAsync();
        Directory.Delete(Path.GetDirectoryName(_file)!, recursive: true);
    }

    private static string Settings(string upstream, string mapping, (string Route, string RuleSet)[] routes)
    {
        var declared = new JsonObject();
        foreach (var (route, ruleSet) in routes.Length > 0 ? routes : [("default", "Default")])
        {
            declared[route] = new JsonObject
            {
                ["ClusterId"] = "upstream",
                ["Match"] = new JsonObject { ["Path"] = $"/{route}" },
                ["Transforms"] = new JsonArray(new JsonObject { ["ProviderMapping"] = ruleSet }),
            };
        }

        return $$"""
            {
              "ReverseProxy": {
                "Routes": {{declared.ToJsonString()}},
                "Clusters": { "upstream": { "Destinations": { "one": { "Address": {{JsonSerializer.Serialize(upstream)}} } } } }
              },
              "ProviderMapping": {{mapping}}
            }
            """;
    }

    /// <summary>Tells when YARP has applied a configuration, or given it up.</summary>
    private sealed class AppliedRoutes : IConfigChangeListener
    {
        private TaskCompletionSource _next = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task Next() => (_next = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).Task;

        public void ConfigurationLoaded(IReadOnlyList<IProxyConfig> proxyConfigs)
        {
        }

        public void ConfigurationLoadingFailed(IProxyConfigProvider configProvider, Exception exception) => _next.TrySetResult();

        public void ConfigurationApplied(IReadOnlyList<IProxyConfig> proxyConfigs) => _next.TrySetResult();

        public void ConfigurationApplyingFailed(IReadOnlyList<IProxyConfig> proxyConfigs, Exception exception) => _next.TrySetResult();
    }
}
