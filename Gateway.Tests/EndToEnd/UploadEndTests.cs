using System.Net;
using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.EndToEnd;

/// <summary>
/// Promise: if upstream ends an upload, that is upstream's failure and not the client's; a response that comes before the end of the upload
/// passes.
/// </summary>
public sealed class UploadEndTests
{
    private const string Unread = "/v1/files";
    private const int Length = 1000;

    /// <summary>The client is slower than upstream: the gateway waits for the rest of the body when upstream resets the stream.</summary>
    [Theory]
    [InlineData(2)]
    [InlineData(8)]
    [InlineData(11)]
    public async Task ResetDuringASlowUpload_Is502(byte code)
    {
        await using var upstream = StartHttp2(async script => await script.ResetAsync(await script.ReadHeadAsync(), code));
        await using var gateway = await StartAsync(Destinations.OnHttp2, [upstream.BaseUrl]);
        await using var client = await gateway.ConnectAsync();

        await BeginUploadAsync(client);
        var (head, body) = await client.ReadAsync();

        new Exchange(head, body, null).IsRefused(502);
        await GoesOnAsync(client);
        await IsLoggedAsync(gateway, 502, "UpstreamUnreachable");
    }

    /// <summary>A server that has responded stops the upload with NO_ERROR (RFC 9113, 8.1).</summary>
    [Theory]
    [InlineData(429, "")]
    [InlineData(503, "")]
    [InlineData(413, "{\"error\":{\"message\":\"too large\",\"code\":413}}")]
    public async Task ResponseBeforeTheEndOfAnUpload_Passes(int status, string content)
    {
        await using var upstream = StartHttp2(async script =>
        {
            var stream = await script.ReadHeadAsync();
            await script.AnswerErrorAsync(stream, status, content);
            await script.ResetAsync(stream, code: 0);
        });
        await using var gateway = await StartAsync(Destinations.OnHttp2, [upstream.BaseUrl]);
        await using var client = await gateway.ConnectAsync();

        await BeginUploadAsync(client);
        var (head, body) = await client.ReadAsync();

        Assert.Equal((status, "7", content), (head.Status, head.Header("Retry-After"), body.Text));
        Assert.Null(head.Header("x-gateway-error"));
        await GoesOnAsync(client);
        await IsLoggedAsync(gateway, status, "Completed");
    }

    [Theory]
    [InlineData(Unread, "{}")]
    [InlineData("/v1/chat/completions", """{ "MaxAttempts": 1 }""")]
    public async Task UpstreamThatReadsNoMore_Is504AfterTheActivityTimeout(string path, string settings)
    {
        await using var upstream = ScriptedSocketUpstream.Start(static async connection =>
        {
            await connection.ReadHeadAsync();
            await new TaskCompletionSource().Task.WaitAsync(connection.Stopping);
        });
        await using var gateway = await StartAsync(
            """, "HttpRequest": { "ActivityTimeout": "00:00:05" } """, [upstream.BaseUrl], settings);
        await using var client = await gateway.ConnectAsync();

        var sending = client.PostAsync(path, $$"""{"model":"m","user":"{{new string('x', 16_000_000)}}"}""");
        var (head, body) = await client.ReadAsync();

        new Exchange(head, body, null).IsRefused(504);
        Assert.Equal("false", head.Header("x-should-retry"));
        await IgnoreAsync(sending);
    }

    /// <summary>The upload may still be in progress, and ends the memory of a body that is not kept.</summary>
    [Fact]
    public async Task ResponseBeforeTheEndOfALargeUpload_IsNotDroppedForAnotherDestination()
    {
        var isRead = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var one = StartHttp2(async script =>
        {
            var stream = await script.ReadHeadAsync();
            await script.AnswerErrorAsync(stream, 429, """{"error":{"message":"slow down","code":429}}""");
            await isRead.Task.GuardAsync();
            await script.ResetAsync(stream, code: 0);
        });
        var asked = 0;
        await using var two = StartHttp2(async script =>
        {
            await script.ReadHeadAsync();
            Interlocked.Increment(ref asked);
        });
        await using var gateway = await StartAsync(Destinations.OnHttp2, [one.BaseUrl, two.BaseUrl]);
        await using var client = await gateway.ConnectAsync();

        await client.PostAsync("/v1/chat/completions", $$"""{"model":"m","user":"{{new string('x', 3_000_000)}}"}""");
        var head = await client.ReadHeadAsync();
        isRead.SetResult();
        var body = await client.ReadBodyAsync(head);

        Assert.Equal((429, 0), (head.Status, asked));
        Assert.Contains("slow down", body.Text, StringComparison.Ordinal);
    }

    /// <summary>Kestrel aborts the reader of the body while its read is being cancelled.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ClientThatResetsItsUpload_IsNoErrorOfTheGateways(bool isOnHttp2)
    {
        await using var pair = await GatewayPair.StartAsync(options =>
        {
            options.HasLog = true;
            options.Certificate = isOnHttp2 ? TestCertificate.Create() : null;
        });
        for (var i = 0; i < 20; i++)
        {
            using var leave = new CancellationTokenSource();
            using var request = new HttpRequestMessage(HttpMethod.Post, Unread)
            {
                Version = isOnHttp2 ? HttpVersion.Version20 : HttpVersion.Version11,
                VersionPolicy = HttpVersionPolicy.RequestVersionExact,
                Content = new EndlessContent(),
                Headers = { { "x-fake-id", $"upload-{i}" } },
            };
            var sending = pair.Gateway.Client.SendAsync(request, leave.Token);
            var upload = await pair.Upstream.Requests.WaitForAsync(candidate => candidate.Id == $"upload-{i}");
            await leave.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => sending);
            await upload.WaitForEndAsync();
        }

        await Eventually.TrueAsync(
            () => pair.Gateway.Log.All.Count(static line => line.Contains("\"Path\":\"/v1/files\"", StringComparison.Ordinal)) == 20,
            "the requests' lines");
        Assert.DoesNotContain("\"@l\":\"Error\"", pair.Gateway.Log.Text, StringComparison.Ordinal);
    }

    private static ScriptedSocketUpstream StartHttp2(Func<Http2Script, Task> answer) => ScriptedSocketUpstream.Start(async connection =>
    {
        var script = new Http2Script(connection);
        await script.BeginAsync();
        await answer(script);
        await connection.WaitForCloseAsync();
    });

    private static Task<GatewayHost> StartAsync(string cluster, string[] addresses, string upstream = "{}") =>
        GatewayHost.StartAsync(options =>
        {
            options.HasLog = true;
            options.Settings = ShippedSettings.With(("ReverseProxy", Destinations.Of(addresses, cluster)), ("Upstream", upstream));
        });

    /// <summary>Sends the head of a request and the first byte of its body.</summary>
    private static Task BeginUploadAsync(RawHttpClient client) =>
        client.SendAsync(
        $"POST {Unread} HTTP/1.1\r\nHost: {client.Authority}\r\nAuthorization: Bearer k\r\nContent-Type: application/json\r\nContent-Length: {Length}\r\n\r\n{{");

    /// <summary>The server reads the rest of the body, and the next request of the connection.</summary>
    private static async Task GoesOnAsync(RawHttpClient client)
    {
        await client.SendAsync(new string(' ', Length - 1));
        await client.GetAsync("/health");
        var (head, _) = await client.ReadAsync();

        Assert.Equal(200, head.Status);
    }

    private static async Task IsLoggedAsync(GatewayHost gateway, int status, string end)
    {
        await gateway.Log.WaitForAsync(
            line => line.Contains($"\"Status\":{status}", StringComparison.Ordinal) && line.Contains($"\"End\":\"{end}\"", StringComparison.Ordinal),
            "the request's line");
        Assert.DoesNotContain("\"@l\":\"Error\"", gateway.Log.Text, StringComparison.Ordinal);
    }

    /// <summary>The gateway may close the connection of a request whose body it does not want.</summary>
    private static async Task IgnoreAsync(Task sending)
    {
        try
        {
            await sending;
        }
        catch (IOException)
        {
        }
    }

    /// <summary>Sends one byte, and no end.</summary>
    private sealed class EndlessContent : HttpContent
    {
        protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) =>
            SerializeToStreamAsync(stream, context, CancellationToken.None);

        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken)
        {
            await stream.WriteAsync("{"u8.ToArray(), cancellationToken);
            await stream.FlushAsync(cancellationToken);
            await new TaskCompletionSource().Task.WaitAsync(cancellationToken);
        }

        protected override bool TryComputeLength(out long length)
        {
            length = 0;
            return false;
        }
    }
}
