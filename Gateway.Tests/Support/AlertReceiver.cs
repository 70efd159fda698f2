using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Xunit;

namespace Gateway.Tests.Support;

/// <summary>A webhook on loopback that answers as the test wants, and keeps the posts that it received.</summary>
internal sealed class AlertReceiver : IAsyncDisposable
{
    /// <summary>In every URL: no log, metric or error may have it.</summary>
    public const string Canary = "CANARY-url-6b1f";

    private readonly WebApplication _app;
    private readonly ConcurrentQueue<Post> _posts = new();

    private AlertReceiver(WebApplication app) => _app = app;

    /// <summary>A post.</summary>
    /// <param name="Path">The path behind the canary.</param>
    /// <param name="Headers">The headers.</param>
    /// <param name="Body">The body as it came.</param>
    internal sealed record Post(string Path, IReadOnlyDictionary<string, string> Headers, byte[] Body)
    {
        public JsonElement Json => JsonDocument.Parse(Body).RootElement;

        public string Type => Json.GetProperty("type").GetString()!;

        public string Team => Json.GetProperty("team").GetString()!;

        public string Id => Json.GetProperty("id").GetString()!;

        public override string ToString() => $"{Path} {Encoding.UTF8.GetString(Body)}";
    }

    /// <summary>Answers a post; by default with 200.</summary>
    public Func<HttpContext, Task> Answer { get; set; } = static _ => Task.CompletedTask;

    /// <summary>All posts, in the order of their arrival.</summary>
    public IReadOnlyList<Post> Posts => [.. _posts];

    /// <param name="port">The port; by default a free one.</param>
    public static async Task<AlertReceiver> StartAsync(int port = 0)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, port));
        builder.Logging.ClearProviders();
        var receiver = new AlertReceiver(builder.Build());
        receiver._app.Run(receiver.TakeAsync);
        await receiver._app.StartAsync(TestContext.Current.CancellationToken);
        return receiver;
    }

    /// <summary>A URL of this receiver, which has the canary.</summary>
    public string Url(string path = "/general") => $"{_app.Urls.Single()}/{Canary}{path}";

    /// <summary>Answers with a status.</summary>
    public static Func<HttpContext, Task> Status(int status) => context =>
    {
        context.Response.StatusCode = status;
        return Task.CompletedTask;
    };

    public async ValueTask DisposeAsync()
    {
        // A held answer ends with its connection.
        using var now = new CancellationTokenSource();
        await now.CancelAsync();
        await _app.StopAsync(now.Token);
        await _app.DisposeAsync();
    }

    private async Task TakeAsync(HttpContext context)
    {
        using var body = new MemoryStream();
        await context.Request.Body.CopyToAsync(body, context.RequestAborted);
        var path = context.Request.Path.Value!;
        _posts.Enqueue(new Post(
            path.StartsWith($"/{Canary}", StringComparison.Ordinal) ? path[(Canary.Length + 1)..] : path,
            context.Request.Headers.ToDictionary(
                header => header.Key, header => header.Value.ToString(), StringComparer.Create(CultureInfo.InvariantCulture, ignoreCase: true)),
            body.ToArray()));
        await Answer(context);
    }
}
