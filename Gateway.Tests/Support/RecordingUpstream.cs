using System.Collections.Concurrent;
using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Logging;
using Xunit;

namespace Gateway.Tests.Support;

/// <summary>A server that records the requests that reach it, to the byte, and answers <c>{"ok":true}</c>.</summary>
internal sealed class RecordingUpstream : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly ConcurrentQueue<Received> _received = new();

    private RecordingUpstream(WebApplication app) => _app = app;

    public sealed record Received(string Protocol, IReadOnlyDictionary<string, string> Headers, byte[] Body);

    public string Address { get; private set; } = "";

    public int Count => _received.Count;

    /// <summary>The requests that came since the last look.</summary>
    public IReadOnlyCollection<Received> All => _received;

    /// <summary>The one request that came since the last look.</summary>
    public Received TakeSingle()
    {
        Assert.True(_received.TryDequeue(out var first), "nothing reached the upstream");
        Assert.Empty(_received);
        return first;
    }

    public static async Task<RecordingUpstream> StartAsync(HttpProtocols protocol = HttpProtocols.Http1)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            kestrel.Limits.MaxRequestBodySize = null;
            kestrel.Limits.MinRequestBodyDataRate = null;
            kestrel.Limits.MinResponseDataRate = null;
            kestrel.Listen(IPAddress.Loopback, 0, listen => listen.Protocols = protocol);
        });
        builder.Logging.ClearProviders();
        var upstream = new RecordingUpstream(builder.Build());
        upstream._app.Run(upstream.RecordAsync);
        await upstream._app.StartAsync(TestContext.Current.CancellationToken);
        upstream.Address = upstream._app.Urls.Single();
        return upstream;
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private async Task RecordAsync(HttpContext context)
    {
        using var body = new MemoryStream();
        await context.Request.Body.CopyToAsync(body, context.RequestAborted);
        var headers = context.Request.Headers.ToDictionary(header => header.Key, header => header.Value.ToString(), StringComparer.OrdinalIgnoreCase);
        _received.Enqueue(new Received(context.Request.Protocol, headers, body.ToArray()));
        context.Response.ContentType = "application/json";
        await context.Response.WriteAsync("{\"ok\":true}", context.RequestAborted);
    }
}
