using System.Net;
using System.Runtime.CompilerServices;
using Gateway.Configuration;
using Gateway.Tests.Gateway.Configuration;
using Gateway.Tests.Support;
using Gateway.Upstream;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;
using Yarp.ReverseProxy.Configuration;
using Yarp.ReverseProxy.Forwarder;

namespace Gateway.Tests.Gateway.Upstream;

/// <summary>
/// Promise: connections to upstream are renewed after their lifetime, which cuts no request, and an HTTP/2 connection that has died unnoticed
/// ends its requests.
/// </summary>
public sealed class UpstreamClientFactoryTests : IDisposable
{
    private readonly SettingsFolder _folder = new();
    private SettingsStore? _settings;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        _settings?.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task ConnectionOlderThanItsLifetime_TakesNoNewRequestAndEndsItsOwn()
    {
        await using var upstream = new RenewingUpstream { CallsBeforeAnswers = 2 };
        using var client = await CreateAsync(lifetime: TimeSpan.FromMilliseconds(1));
        var first = SendAsync(client, upstream, "first");
        await Eventually.TrueAsync(
            async () =>
            {
                using var response = await SendAsync(client, upstream, user: null);
                return upstream.Connections > 1;
            },
            "another connection");

        using var second = await SendAsync(client, upstream, "second").GuardAsync();
        using var answered = await first.GuardAsync();

        Assert.Equal((HttpStatusCode.OK, HttpStatusCode.OK), (answered.StatusCode, second.StatusCode));
        Assert.Equal(["first", "second"], upstream.Book.Keys.Order());
        Assert.All(upstream.Book, call => Assert.Equal(1, call.Value));
    }

    /// <summary>
    /// A name of upstream moves to another address. Requests follow it once the connections to the old one are older than their lifetime; a
    /// request that is in flight there ends there.
    /// </summary>
    [Fact]
    public async Task NameThatMoves_IsFollowedByNewConnections()
    {
        if (!PrivateHosts.IsInside)
        {
            await PrivateHosts.RunAsync((typeof(UpstreamClientFactoryTests), nameof(NameThatMoves_IsFollowedByNewConnections)));
            return;
        }

        var (before, after) = (IPAddress.Loopback, IPAddress.Parse("127.0.0.2"));
        foreach (var (version, protocol) in new[]
        {
            (HttpVersion.Version11, HttpProtocols.Http1),
            (HttpVersion.Version20, HttpProtocols.Http2),
        })
        {
            PrivateHosts.Point(before);
            await using var upstream = await AddressUpstream.StartAsync(protocol, before, after);
            using var client = await CreateAsync(lifetime: TimeSpan.FromMilliseconds(1));
            var held = AskAsync("/held");
            await upstream.Held.GuardAsync();
            Assert.Equal(before.ToString(), await AskAsync("/"));

            PrivateHosts.Point(after);
            await Eventually.TrueAsync(async () => await AskAsync("/") == after.ToString(), "a connection to the new address");

            upstream.Release();
            Assert.Equal(before.ToString(), await held);

            async Task<string> AskAsync(string path)
            {
                using var request = new HttpRequestMessage(HttpMethod.Get, $"http://{PrivateHosts.Name}:{upstream.Port}{path}")
                {
                    Version = version,
                    VersionPolicy = HttpVersionPolicy.RequestVersionExact,
                };
                using var response = await client.SendAsync(request, Cancel).GuardAsync();
                return await response.Content.ReadAsStringAsync(Cancel);
            }
        }
    }

    [Fact]
    public async Task SilentConnection_IsAskedForASignOfLifeAndKept()
    {
        await using var upstream = new RenewingUpstream { AnswersAfterPing = true };
        using var client = await CreateAsync(ping: TimeSpan.FromSeconds(1), pingTimeout: HangGuard.Limit);

        using var response = await SendAsync(client, upstream, "call").GuardAsync();

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal((1, true), (upstream.Connections, upstream.Pings > 0));
    }

    [Fact]
    public async Task ConnectionThatNoLongerAnswers_EndsItsRequestAndIsReplaced()
    {
        await using var upstream = new RenewingUpstream { FallsSilent = true };

        // The new connection has the same time for its answer, on a busy machine too.
        using var client = await CreateAsync(ping: TimeSpan.FromSeconds(1), pingTimeout: TimeSpan.FromSeconds(10));

        await Assert.ThrowsAsync<HttpRequestException>(() => SendAsync(client, upstream, "lost").GuardAsync());

        upstream.FallsSilent = false;
        using var response = await SendAsync(client, upstream, "next").GuardAsync();
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal(2, upstream.Connections);
        Assert.Equal(1, upstream.Book["next"]);
    }

    /// <summary>Their effect takes minutes to show. The idle time is below that of a load balancer, and a renewal follows changes of DNS.</summary>
    [Fact]
    public async Task Handler_HasTheDocumentedTimes()
    {
        using var client = await CreateAsync();

        var handler = HandlerOf(client);
        while (handler is DelegatingHandler { InnerHandler: { } inner })
        {
            handler = inner;
        }

        var sockets = Assert.IsType<SocketsHttpHandler>(handler);
        Assert.Equal(
            (TimeSpan.FromMinutes(5), TimeSpan.FromSeconds(30)), (sockets.PooledConnectionLifetime, sockets.PooledConnectionIdleTimeout));
        Assert.Equal((TimeSpan.FromSeconds(30), TimeSpan.FromSeconds(10)), (sockets.KeepAlivePingDelay, sockets.KeepAlivePingTimeout));
    }

    [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "_handler")]
    private static extern ref HttpMessageHandler HandlerOf(HttpMessageInvoker client);

    private static Task<HttpResponseMessage> SendAsync(HttpMessageInvoker client, RenewingUpstream upstream, string? user) =>
        client.SendAsync(
            new HttpRequestMessage(user is null ? HttpMethod.Get : HttpMethod.Post, upstream.BaseUrl + "/chat/completions")
            {
                Version = HttpVersion.Version20,
                VersionPolicy = HttpVersionPolicy.RequestVersionExact,
                Content = user is null ? null : new StringContent($$"""{"user":"{{user}}"}"""),
            },
            Cancel);

    private async Task<HttpMessageInvoker> CreateAsync(
        TimeSpan? lifetime = null, TimeSpan? ping = null, TimeSpan? pingTimeout = null)
    {
        if (_settings is null)
        {
            var (section, patient) = Destinations.PatientWithHandshakes;
            _folder.Write("appsettings.json", SettingsFolder.Json($"\"{section}\": {patient}"));
            _settings = new SettingsStore(await _folder.LoadGoodAsync(), TimeProvider.System, NullLogger<SettingsStore>.Instance);
        }

        var standard = new UpstreamClientFactory(_settings);
        var factory = new UpstreamClientFactory(_settings)
        {
            ConnectionLifetime = lifetime ?? standard.ConnectionLifetime,
            PingDelay = ping ?? standard.PingDelay,
            PingTimeout = pingTimeout ?? standard.PingTimeout,
        };
        return factory.CreateClient(new ForwarderHttpClientContext
        {
            ClusterId = "openrouter",
            NewConfig = new HttpClientConfig { DangerousAcceptAnyServerCertificate = true },
        });
    }
}
