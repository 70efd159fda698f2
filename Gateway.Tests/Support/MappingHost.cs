using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using OpenRouterGateway.Transforms;
using OpenRouterGateway.Transforms.ProviderMapping;
using OpenRouterGateway.Transforms.RequestBody;
using Xunit;
using Yarp.ReverseProxy.Configuration;
using Yarp.ReverseProxy.Forwarder;

namespace Gateway.Tests.Support;

/// <summary>A YARP host of a third party with the package in it: one route with the transform, one without, HTTP/1.1 and HTTP/2 by port.</summary>
internal sealed class MappingHost : IAsyncDisposable
{
    public const string Path = "/v1/chat/completions";

    private readonly WebApplication _app;

    private MappingHost(WebApplication app, CollectedLogs logs)
    {
        _app = app;
        Logs = logs;
    }

    public sealed record Setup
    {
        /// <summary>Mappings in the shorthand of the command line.</summary>
        public string[] Mappings { get; init; } = ["*=A,B"];

        public Action<ProviderMappingOptions>? Options { get; init; }

        public Action<KestrelServerOptions>? Kestrel { get; init; }

        public long? RouteLimit { get; init; }

        public Version? UpstreamVersion { get; init; }

        public string TransformValue { get; init; } = "Default";

        public bool HasStep { get; init; } = true;

        /// <summary>The clock of the package.</summary>
        public TimeProvider Time { get; init; } = TimeProvider.System;

        /// <summary>Runs behind the step.</summary>
        public Action<HttpContext>? Behind { get; init; }
    }

    public CollectedLogs Logs { get; }

    public RequestBodyMemory Memory => _app.Services.GetRequiredService<RequestBodyMemory>();

    public Uri Http1 { get; private set; } = null!;

    public Uri Http2 { get; private set; } = null!;

    public static async Task<MappingHost> StartAsync(string upstream, Setup? setup = null)
    {
        setup ??= new Setup();
        var logs = new CollectedLogs();
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            // A slow peer is a busy machine, except where a test says otherwise.
            kestrel.Limits.MinRequestBodyDataRate = null;
            kestrel.Limits.MinResponseDataRate = null;
            kestrel.Listen(IPAddress.Loopback, 0, listen => listen.Protocols = HttpProtocols.Http1);
            kestrel.Listen(IPAddress.Loopback, 0, listen => listen.Protocols = HttpProtocols.Http2);
            setup.Kestrel?.Invoke(kestrel);
        });
        builder.Logging.AddProvider(logs).SetMinimumLevel(LogLevel.Debug);
        builder.Services.AddSingleton(setup.Time);
        builder.Services.AddRouting();
        var rules = Compile(setup.Mappings);
        RouteConfig[] routes =
        [
            new()
            {
                RouteId = "mapped",
                ClusterId = "upstream",
                Match = new RouteMatch { Path = Path },
                MaxRequestBodySize = setup.RouteLimit,
                Transforms = [new Dictionary<string, string> { ["ProviderMapping"] = setup.TransformValue }],
            },
            new() { RouteId = "plain", ClusterId = "upstream", Match = new RouteMatch { Path = "{**rest}" } },
        ];
        ClusterConfig[] clusters =
        [
            new()
            {
                ClusterId = "upstream",
                Destinations = new Dictionary<string, DestinationConfig> { ["one"] = new() { Address = upstream } },
                HttpRequest = new ForwarderRequestConfig
                {
                    Version = setup.UpstreamVersion,
                    VersionPolicy = setup.UpstreamVersion is null ? null : HttpVersionPolicy.RequestVersionExact,
                },
            },
        ];
        builder.Services.AddReverseProxy().LoadFromMemory(routes, clusters).AddProviderMapping(options =>
        {
            options.Rules = _ => rules;
            setup.Options?.Invoke(options);
        });

        var app = builder.Build();
        var host = new MappingHost(app, logs);
        try
        {
            app.UseRouting();
            app.MapReverseProxy(proxy =>
            {
                if (setup.HasStep)
                {
                    proxy.UseProviderMapping();
                }

                proxy.Use((context, next) =>
                {
                    setup.Behind?.Invoke(context);
                    return next(context);
                });
            });
            await app.StartAsync(TestContext.Current.CancellationToken);
        }
        catch
        {
            await app.DisposeAsync();
            throw;
        }

        Uri[] addresses = [.. app.Urls.Select(url => new Uri(url))];
        host.Http1 = addresses[0];
        host.Http2 = addresses[1];
        return host;
    }

    public static ProviderMappingRules Compile(params string[] mappings)
    {
        var problems = new List<RuleProblem>();
        var rules = new List<ProviderRule>();
        foreach (var (i, mapping) in mappings.Index())
        {
            Assert.True(ProviderRule.TryParseMapping(mapping, $"rule-{i + 1}", problems, out var rule), string.Join("; ", problems));
            rules.Add(rule);
        }

        return new ProviderMappingRules(rules, []);
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();
}
