using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.EndToEnd;

/// <summary>
/// Promise: an event stream passes to the byte, event by event as it comes, its headers with the first data or after three seconds.
/// </summary>
public sealed class StreamTests : IClassFixture<StreamTests.Fixture>
{
    private const string Streaming = """{"model":"ruled","stream":true}""";

    private readonly GatewayPair _pair;

    public StreamTests(Fixture fixture)
    {
        _pair = fixture.Pair;
    }

    [Theory]
    [InlineData("chat/completions")]
    [InlineData("completions")]
    [InlineData("responses")]
    [InlineData("messages")]
    [InlineData("images")]
    public async Task EveryDialect_PassesToTheByte(string endpoint)
    {
        string[] script = ["x-fake-keepalives: 3", "x-fake-events: 5"];
        var call = await _pair.PostAsync("/v1/" + endpoint, Streaming, script);
        var direct = await DirectAsync(endpoint, script);

        Assert.Equal(200, call.Status);
        Assert.Equal(RawEnd.Complete, call.Body.End);
        Assert.Equal("text/event-stream", call.Head.Header("Content-Type"));
        Assert.Equal(WithoutIds(direct), WithoutIds(call.Body.Text));
        Assert.Equal("r", call.Head.Header("x-gateway-rule"));
    }

    [Theory]
    [InlineData("x-fake-split: 1")]
    [InlineData("x-fake-split: 7")]
    [InlineData("x-fake-split: 100")]
    [InlineData("x-fake-size: 300000")]
    public async Task PiecesAndSizes_DoNotMatter(string script)
    {
        var call = await _pair.PostAsync("/v1/chat/completions", Streaming, script, "x-fake-events: 4");
        var direct = await DirectAsync("chat/completions", script, "x-fake-events: 4");

        Assert.Equal(WithoutIds(direct), WithoutIds(call.Body.Text));
    }

    /// <summary>Upstream sends a piece only when the client has the one before it. The test would not get past a piece that is held back.</summary>
    [Theory]
    [InlineData(Streaming, "x-fake-events: 15", "x-fake-keepalives: 0", "data:", 18)]
    [InlineData(Streaming, "x-fake-events: 1", "x-fake-keepalives: 5", ": OPENROUTER PROCESSING", 5)]
    [InlineData("""{"model":"ruled"}""", "x-fake-whitespace: 5", "x-fake-chunked: 1", " ", 5)]
    public async Task Pieces_PassOneByOneAsTheyAreSent(string body, string script, string other, string beginning, int count)
    {
        var id = _pair.NextId();
        await using var client = await _pair.Gateway.ConnectAsync();
        await client.PostAsync("/v1/chat/completions", body, "x-fake-step: 1", script, other, $"x-fake-id: {id}");
        var request = await _pair.Upstream.Requests.WaitForAsync(id);
        request.Release();
        var head = await client.ReadHeadAsync();
        List<RawPiece> pieces = [];
        for (var i = 0; i < count; i++)
        {
            pieces.Add((await client.ReadPieceAsync(head, pieces))!);
            Assert.StartsWith(beginning, pieces[^1].Text, StringComparison.Ordinal);
            request.Release();
        }

        request.ReleaseAll();
        Assert.Equal(RawEnd.Complete, (await client.ReadBodyAsync(head)).End);
    }

    [Fact]
    public async Task HeadersOfAStream_GoOutAfterTheDelayWithoutAByte()
    {
        var id = _pair.NextId();
        await using var client = await _pair.Gateway.ConnectAsync();
        await client.PostAsync("/v1/chat/completions", Streaming, "x-fake-step: 1", $"x-fake-id: {id}");
        var head = await client.ReadHeadAsync();

        var request = _pair.Upstream.Requests.Find(id)!;
        Assert.Equal(0, request.BytesWritten);
        request.ReleaseAll();
        Assert.Equal("[DONE]", SseEvents.Parse((await client.ReadBodyAsync(head)).Text)[^1].Data);
    }

    [Fact]
    public async Task HeadersOfAStream_GoOutWithTheFirstData()
    {
        // Their own delay would outlast the test.
        await using var pair = await GatewayPair.StartAsync(
            options => options.Settings = ShippedSettings.WithValues(("Server:EventStreamHeaderDelay", "\"00:10:00\"")));
        await using var client = await pair.Gateway.ConnectAsync();
        await client.PostAsync("/v1/chat/completions", Streaming, "x-fake-step: 1");
        var request = await pair.Upstream.Requests.WaitForAsync(request => request.BodyComplete);

        // The comment, then the first chunk.
        request.Release();
        request.Release();

        Assert.Equal(200, (await client.ReadHeadAsync()).Status);
    }

    [Fact]
    public async Task LargeJsonAnswer_PassesToTheByte()
    {
        var call = await _pair.PostAsync("/v1/chat/completions", """{"model":"ruled"}""", "x-fake-size: 3000000");

        Assert.Equal(3_000_000, call.Head.ContentLength);
        Assert.Equal(3_000_000, call.Body.Bytes.Length);
        Assert.Equal("chat.completion", call.Json.GetProperty("object").GetString());
    }

    [Fact]
    public async Task ErrorEventOfUpstream_PassesAndTheStreamEndsAsItDid()
    {
        var call = await _pair.PostAsync("/v1/chat/completions", Streaming, "x-fake-error-after: 2", "x-fake-events: 9");

        var events = SseEvents.Parse(call.Body.Text);
        Assert.Equal(RawEnd.Complete, call.Body.End);
        Assert.Equal(3, events.Count);
        Assert.Equal("Provider disconnected", SseEvents.Json(events[^1].Data).GetProperty("error").GetProperty("message").GetString());
    }

    [Fact]
    public async Task StreamWithoutDone_EndsWithoutOne()
    {
        var call = await _pair.PostAsync("/v1/chat/completions", Streaming, "x-fake-end-after: 2");

        Assert.Equal(RawEnd.Complete, call.Body.End);
        Assert.Equal(2, SseEvents.Parse(call.Body.Text).Count);
        Assert.DoesNotContain("error", call.Body.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task LineEndingsAndOddFields_PassToTheByte()
    {
        const string Stream =
            "\uFEFF: hi\r\nid: 7\r\nretry: 100\r\nevent:x\r\ndata:no blank\r\ndata:  two blanks\r\n\r\n"
            + "data\n\n:\n\ndata: é😀\r\rdata: [DONE]\n\n";
        await using var upstream = ScriptedSocketUpstream.Start(async connection =>
        {
            await connection.ReadRequestAsync();
            await connection.SendAsync(
                "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n");
            await connection.SendChunkAsync(Stream);
            await connection.SendAsync("0\r\n\r\n");
        });
        await using var gateway = await GatewayHost.StartAsync(options => options.Upstream = upstream.BaseUrl);
        await using var client = await gateway.ConnectAsync();
        await client.PostAsync("/v1/chat/completions", Streaming);
        var (head, body) = await client.ReadAsync();

        Assert.Equal("text/event-stream; charset=utf-8", head.Header("Content-Type"));
        Assert.Equal(Stream, body.Text);
    }

    [Fact]
    public async Task CloseDelimitedStream_PassesToItsEnd()
    {
        await using var upstream = ScriptedSocketUpstream.Answering(
            "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\ndata: one\n\ndata: [DONE]\n\n");
        await using var gateway = await GatewayHost.StartAsync(options => options.Upstream = upstream.BaseUrl);
        await using var client = await gateway.ConnectAsync();
        await client.PostAsync("/v1/chat/completions", Streaming);
        var (_, body) = await client.ReadAsync();

        Assert.Equal(RawEnd.Complete, body.End);
        Assert.Equal("data: one\n\ndata: [DONE]\n\n", body.Text);
    }

    [Fact]
    public async Task ManyStreamsAtOnce_AllComplete()
    {
        var calls = await Task.WhenAll(Enumerable.Range(0, 60).Select(_ =>
            _pair.PostAsync("/v1/chat/completions", Streaming, "x-fake-events: 10", "x-fake-interval-ms: 20")));

        Assert.All(calls, call => Assert.Equal("[DONE]", SseEvents.Parse(call.Body.Text)[^1].Data));
    }

    private async Task<string> DirectAsync(string endpoint, params string[] script)
    {
        await using var client = await RawHttpClient.ConnectAsync(new Uri(_pair.Upstream.RootUrl));
        await client.PostAsync("/api/v1/" + endpoint, """{"model":"ruled","stream":true,"provider":{"order":["a"]}}""", script);
        var (_, body) = await client.ReadAsync();
        return body.Text;
    }

    private static string WithoutIds(string text) => System.Text.RegularExpressions.Regex.Replace(text, "gen-[0-9]+-[0-9]+", "gen");

    public sealed class Fixture : GatewayFixture
    {
        private protected override void Configure(GatewayHostOptions options)
        {
            options.Rules("""[{ "Name": "r", "Model": "ruled", "Provider": { "order": ["a"] } }]""");
        }
    }
}
