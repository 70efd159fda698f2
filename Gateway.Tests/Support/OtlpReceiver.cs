using System.Collections.Concurrent;
using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Logging;
using Xunit;

namespace Gateway.Tests.Support;

/// <summary>A collector: takes traces and metrics by OTLP over HTTP with protobuf, or over gRPC, and reads them.</summary>
internal sealed class OtlpReceiver : IAsyncDisposable
{
    private static readonly string[] TracePaths = ["/v1/traces", "/opentelemetry.proto.collector.trace.v1.TraceService/Export"];
    private static readonly string[] MetricPaths = ["/v1/metrics", "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export"];

    // A flag and the length of the message.
    private const int GrpcPrefix = 5;

    private readonly WebApplication _app;
    private readonly ConcurrentQueue<byte[]> _traces = new();
    private readonly ConcurrentQueue<byte[]> _metrics = new();

    private OtlpReceiver(WebApplication app) => _app = app;

    public string Address => _app.Urls.Single();

    /// <summary>The messages as they came.</summary>
    public IReadOnlyCollection<byte[]> Messages => [.. _traces, .. _metrics];

    /// <summary>All spans so far.</summary>
    public IReadOnlyList<OtlpSpan> Spans => [.. _traces.SelectMany(static message => OtlpSpan.Read(message))];

    /// <summary>All points of counters so far, as often as they came.</summary>
    public IReadOnlyList<OtlpSum> Sums => [.. _metrics.SelectMany(static message => OtlpSum.Read(message))];

    public static async Task<OtlpReceiver> StartAsync(bool isGrpc)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => kestrel.Listen(
            IPAddress.Loopback, 0, listen => listen.Protocols = isGrpc ? HttpProtocols.Http2 : HttpProtocols.Http1));
        builder.Logging.ClearProviders();
        var receiver = new OtlpReceiver(builder.Build());
        receiver._app.Run(receiver.TakeAsync);
        await receiver._app.StartAsync(TestContext.Current.CancellationToken);
        return receiver;
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private async Task TakeAsync(HttpContext context)
    {
        using var body = new MemoryStream();
        await context.Request.Body.CopyToAsync(body, context.RequestAborted);
        var path = context.Request.Path.Value;
        if ((TracePaths.Contains(path) ? _traces : MetricPaths.Contains(path) ? _metrics : null) is not { } messages)
        {
            context.Response.StatusCode = StatusCodes.Status404NotFound;
            return;
        }

        if (context.Request.Protocol != HttpProtocol.Http2)
        {
            messages.Enqueue(body.ToArray());
            context.Response.ContentType = "application/x-protobuf";
            return;
        }

        messages.Enqueue(body.ToArray()[GrpcPrefix..]);
        context.Response.ContentType = "application/grpc";
        context.Response.DeclareTrailer("grpc-status");
        await context.Response.Body.WriteAsync(new byte[GrpcPrefix], context.RequestAborted);
        context.Response.AppendTrailer("grpc-status", "0");
    }
}
