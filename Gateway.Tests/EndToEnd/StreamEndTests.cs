using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.EndToEnd;

/// <summary>
/// Promise: a stream whose end was seen is complete, however its connection ends. Any other stream that breaks ends with an error event that
/// reads like a failed connection.
/// </summary>
public sealed class StreamEndTests
{
    private const string Chunk = "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n";
    private const string Delta = "event: content_block_delta\ndata: {\"type\":\"content_block_delta\"}\n\n";
    private const string Output = "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\"}\n\n";

    /// <summary>Streams, and the bytes without which a client would discard the last event.</summary>
    public static TheoryData<string, string, string> CompleteStreams => new()
    {
        { "/v1/chat/completions", Chunk + "data: [DONE]\n\n", "" },
        { "/v1/chat/completions", Chunk + "data: [DONE]\n", "" },
        { "/v1/chat/completions", Chunk + "data:[DONE]\r\n", "" },
        { "/v1/chat/completions", Chunk + "data: [DONE]", "" },
        { "/v1/completions", Chunk + "data: [DONE] \r", "" },
        { "/v1/messages", Delta + "event: message_stop\ndata: {\"type\":\"message_stop\"}\n", "\n" },
        { "/v1/messages", Delta + "event: message_stop\r\ndata: {}\r\n", "\n" },
        { "/v1/messages", Delta + "event: message_stop\rdata: {}\r", "\n\n" },
        { "/v1/messages", Delta + "event: message_stop\ndata: {}\nid", "\n\n" },
        { "/v1/messages", Delta + "data: {\"type\": \"message_stop\"}\n\n", "" },
        { "/v1/responses", Output + "event: response.completed\ndata: {\"type\":\"response.completed\",\"response\":{}}\n\n", "" },
        { "/v1/responses", Output + "data: {\"type\":\"response.incomplete\",\"response\":{}}\n\n", "" },
        { "/v1/responses", Output + "event: response.failed\ndata: {\"x\":1}\n", "\n" },
        { "/v1/responses", Output + $"data: {{\"response\":{{\"x\":\"{new string('x', 200)}\"}},\"type\":\"response.completed\"}}\n", "\n" },
    };

    [Theory]
    [MemberData(nameof(CompleteStreams))]
    public async Task StreamWhoseEndWasSeen_IsComplete(string path, string stream, string missing)
    {
        foreach (var isChunked in (bool[])[true, false])
        {
            // Chunks without the last one, or no framing at all.
            var (head, body) = await PostAsync(path, isChunked, split: isChunked ? 1 : stream.Length, stream);

            Assert.Equal((200, stream + missing, RawEnd.Complete), (head.Status, body.Text, body.End));
        }
    }

    [Theory]
    [InlineData("/v1/chat/completions", Chunk)]
    [InlineData("/v1/chat/completions", Chunk + "data: [DON")]
    [InlineData("/v1/chat/completions", Chunk + ": [DONE]\n\n")]
    [InlineData("/v1/completions", Chunk + "data: {\"text\":\"[DONE]\"}\n\n")]
    [InlineData("/v1/messages", Delta + "event: message_stop\n")]
    [InlineData("/v1/messages", Delta + "data: {\"type\":\"message_stop")]
    [InlineData("/v1/responses", Output + "event: response.completed\ndata: {\"type\":\"response.completed\",\"resp")]
    public async Task AnyOtherStream_EndsLikeAFailedConnection(string path, string stream)
    {
        var (head, body) = await PostAsync(path, isChunked: true, stream.Length, stream);

        Assert.Equal(200, head.Status);
        Assert.NotEqual(RawEnd.Complete, body.End);
        Assert.StartsWith(stream, body.Text, StringComparison.Ordinal);
        var json = SseEvents.Json(SseEvents.Parse(body.Text)[^1].Data);
        var error = path == "/v1/responses" ? json : json.GetProperty("error");
        Assert.StartsWith("Upstream connection error: ", error.GetProperty("message").GetString(), StringComparison.Ordinal);
        Assert.Equal(
            path switch { "/v1/responses" => "error", "/v1/messages" => "api_error", _ => "server_error" },
            error.GetProperty("type").GetString());
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task ResetOnHttp2_IsJudgedTheSameWay(bool isDone)
    {
        var stream = Chunk + (isDone ? "data: [DONE]\n\n" : "");
        var arrived = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var upstream = ScriptedSocketUpstream.Start(async connection =>
        {
            var script = new Http2Script(connection);
            await script.BeginAsync();
            var request = await script.ReadRequestAsync();
            await script.BeginAnswerAsync(request);
            await script.SendDataAsync(request, stream);
            await arrived.Task.GuardAsync();
            await script.ResetAsync(request);
            await connection.WaitForCloseAsync();
        });
        await using var gateway = await GatewayHost.StartAsync(options => options.Settings = ShippedSettings.With(("ReverseProxy", Destinations.Section(
            Destinations.OnHttp2,
            ("a", $$"""{ "Address": "{{upstream.BaseUrl}}" }""")))));
        await using var client = await gateway.ConnectAsync();
        await client.PostAsync("/v1/chat/completions", """{"model":"m","stream":true}""");
        var head = await client.ReadHeadAsync();
        var first = await client.ReadPieceAsync(head, []);
        arrived.SetResult();
        var body = await client.ReadBodyAsync(head);

        Assert.Equal((200, stream), (head.Status, first!.Text));
        Assert.Equal(isDone, body.End == RawEnd.Complete);
        Assert.Equal(!isDone, body.Text.Contains("Upstream connection error: ", StringComparison.Ordinal));
    }

    [Fact]
    public async Task StreamThatSaysItIsNotEncoded_IsJudgedTheSameWay()
    {
        var (_, body) = await PostAsync("/v1/chat/completions", isChunked: true, Chunk.Length, Chunk, "Content-Encoding: identity\r\n");

        Assert.Contains("Upstream connection error: ", body.Text, StringComparison.Ordinal);
    }

    private static async Task<(RawResponse Head, RawBody Body)> PostAsync(
        string path, bool isChunked, int split, string stream, string headers = "")
    {
        await using var upstream = ScriptedSocketUpstream.Start(async connection =>
        {
            await connection.ReadRequestAsync();
            await connection.SendAsync(
                "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n" + headers
                + (isChunked ? "Transfer-Encoding: chunked\r\n\r\n" : "Connection: close\r\n\r\n"));
            for (var at = 0; at < stream.Length; at += split)
            {
                var part = stream.Substring(at, Math.Min(split, stream.Length - at));
                await (isChunked ? connection.SendChunkAsync(part) : connection.SendAsync(part));
            }
        });
        await using var gateway = await GatewayHost.StartAsync(options => options.Upstream = upstream.BaseUrl);
        await using var client = await gateway.ConnectAsync();
        await client.PostAsync(path, """{"model":"m","stream":true}""");
        return await client.ReadAsync();
    }
}
