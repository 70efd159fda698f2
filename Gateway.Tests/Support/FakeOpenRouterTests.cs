using FakeOpenRouter;
using Xunit;

namespace Gateway.Tests.Support;

/// <summary>The scripted upstream itself, on which all end-to-end tests rely.</summary>
public sealed class FakeOpenRouterTests : IAsyncLifetime
{
    private const string Chat = "/api/v1/chat/completions";

    private FakeOpenRouterServer? _server;

    private FakeOpenRouterServer Server => _server!;

    public async ValueTask InitializeAsync() => _server = await FakeOpenRouterServer.StartAsync();

    public ValueTask DisposeAsync() => Server.DisposeAsync();

    [Fact]
    public async Task Headers_AreReportedInOrderAndSpelling()
    {
        await using var client = await ConnectAsync();
        await client.SendAsync(
            "POST /api/v1/chat/completions?a=%2F HTTP/1.1\r\nX-b: 1\r\nHost: h\r\nx-B: 2\r\nContent-Length: 2\r\n\r\n{}");
        await client.ReadAsync();
        await client.SendAsync("GET /api/v1/models HTTP/1.1\r\nHost: h\r\nx-Second: yes\r\n\r\n");
        await client.ReadAsync();

        var first = Server.Requests.All[0];
        Assert.Equal(["X-b: 1", "Host: h", "x-B: 2", "Content-Length: 2"], first.Headers.Select(header => $"{header.Key}: {header.Value}"));
        Assert.Equal("?a=%2F", first.Query);
        Assert.Equal("{}", first.BodyText);
        Assert.Equal(["Host: h", "x-Second: yes"], Server.Requests.Last.Headers.Select(header => $"{header.Key}: {header.Value}"));
        Assert.Equal(1, Server.Connections.Total);
    }

    [Fact]
    public async Task ClientLeaving_IsNoticedWhileTheAnswerIsSilent()
    {
        await using var client = await ConnectAsync();
        await client.PostAsync(Chat, """{"stream":true}""", "x-fake-id: x", "x-fake-stall-after: 2");
        var request = await Server.Requests.WaitForAsync(candidate => candidate.EventsWritten == 2);
        Assert.Equal(ReceivedEnd.Open, request.End);
        client.Reset();
        await request.WaitForEndAsync();

        Assert.Equal(ReceivedEnd.ClientAborted, request.End);
        Assert.Equal(2, request.EventsWritten);
    }

    [Theory]
    [InlineData("x-fake-cut-after: 3", 3)]
    [InlineData("x-fake-cut-after: 0", 0)]
    public async Task CutAfter_SendsThoseEventsAndBreaksOff(string script, int events)
    {
        var (head, body) = await CallAsync(script);

        Assert.Equal(200, head.Status);
        Assert.NotEqual(RawEnd.Complete, body.End);
        Assert.Equal(events, SseEvents.Parse(body.Text).Count);
        Assert.Equal(ReceivedEnd.Cut, Server.Requests.Single.End);
    }

    [Fact]
    public async Task CutAtByte_SendsThoseBytesAndBreaksOff()
    {
        var (_, body) = await CallAsync("x-fake-cut-at-byte: 100");

        Assert.NotEqual(RawEnd.Complete, body.End);
        Assert.Equal(100, body.Bytes.Length);
    }

    [Fact]
    public async Task Split_FlushesPieces()
    {
        var (_, whole) = await CallAsync("x-fake-events: 1");
        var (_, split) = await CallAsync("x-fake-events: 1", "x-fake-split: 7");

        Assert.Equal(RawEnd.Complete, split.End);
        Assert.Equal(whole.Bytes.Length, split.Bytes.Length);
        Assert.All(split.Pieces, piece => Assert.True(piece.Bytes.Length <= 7));
    }

    [Fact]
    public async Task Size_IsExactForJson()
    {
        await using var client = await ConnectAsync();
        await client.PostAsync(Chat, "{}", "x-fake-size: 300000", "x-fake-whitespace: 2", "x-fake-whitespace-ms: 1");
        var (head, body) = await client.ReadAsync();

        Assert.Equal(300_002, head.ContentLength);
        Assert.Equal(300_002, body.Bytes.Length);
    }

    [Theory]
    [InlineData(true, true)]
    [InlineData(false, true)]
    [InlineData(false, false)]
    public async Task Echo_IsTheBodyWhetherItIsKeptOrNot(bool record, bool book)
    {
        await using var server = await FakeOpenRouterServer.StartAsync(new FakeOpenRouterOptions { Record = record, Book = book });
        await using var client = await RawHttpClient.ConnectAsync(new Uri(server.RootUrl));
        await client.PostAsync(Chat, """{"model":"m","n":1.0}""", "x-fake-echo: 1");
        var (head, body) = await client.ReadAsync();

        Assert.Equal(200, head.Status);
        Assert.Equal("""{"model":"m","n":1.0}""", body.Text);
    }

    [Fact]
    public async Task UnknownScript_IsRefused()
    {
        var (head, _) = await CallAsync("x-fake-evnets: 3");

        Assert.Equal(501, head.Status);
    }

    private Task<RawHttpClient> ConnectAsync() => RawHttpClient.ConnectAsync(new Uri(Server.RootUrl));

    private async Task<(RawResponse Head, RawBody Body)> CallAsync(params string[] script)
    {
        await using var client = await ConnectAsync();
        await client.PostAsync(Chat, """{"stream":true}""", script);
        return await client.ReadAsync();
    }
}
