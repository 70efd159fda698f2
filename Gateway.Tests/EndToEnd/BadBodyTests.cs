using System.Text;
using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.EndToEnd;

/// <summary>
/// Promise: a rewritten route takes exactly one JSON object of a bounded size; anything else is refused here, in its dialect.
/// </summary>
public sealed class BadBodyTests : IClassFixture<BadBodyTests.Fixture>
{
    private const string Chat = "/v1/chat/completions";

    private readonly GatewayPair _pair;

    public BadBodyTests(Fixture fixture)
    {
        _pair = fixture.Pair;
    }

    public static TheoryData<string> Bad() => [.. HostileBodies.NotOneObject];

    [Theory]
    [MemberData(nameof(Bad))]
    public async Task BodyThatIsNoJsonObject_Is400AndStaysHere(string body)
    {
        var call = await _pair.PostAsync(Chat, body);

        call.IsRefused(400);
        Assert.Null(call.Upstream);
    }

    [Theory]
    [InlineData(new byte[] { (byte)'{', (byte)'"', (byte)'a', (byte)'"', (byte)':', (byte)'"', 0xFF, (byte)'"', (byte)'}' })]
    [InlineData(new byte[] { (byte)'{', (byte)'"', (byte)'a', (byte)'"', (byte)':', (byte)'"', 0xC0, 0x80, (byte)'"', (byte)'}' })]
    [InlineData(new byte[] { (byte)'{', (byte)'"', (byte)'a', (byte)'"', (byte)':', (byte)'"', 0xED, 0xA0, 0x80, (byte)'"', (byte)'}' })]
    [InlineData(new byte[] { (byte)'{', (byte)'"', 0xE2, 0x82, (byte)'"', (byte)':', (byte)'1', (byte)'}' })]
    [InlineData(new byte[] { 0xFE, 0xFF, 0, (byte)'{', 0, (byte)'}' })]
    public async Task InvalidUtf8_Is400AndStaysHere(byte[] body)
    {
        var call = await _pair.PostAsync(Chat, body);

        call.IsRefused(400);
        Assert.Null(call.Upstream);
    }

    [Fact]
    public async Task MessagesRoute_AnswersInItsOwnDialect()
    {
        var call = await _pair.PostAsync("/v1/messages", "[]");

        call.IsRefusedInMessagesDialect(400);
        Assert.Equal("invalid_request_error", call.Json.GetProperty("error").GetProperty("type").GetString());
        Assert.Null(call.Upstream);
    }

    [Fact]
    public async Task BadJson_SaysWhereAndQuotesNothing()
    {
        var call = await _pair.PostAsync(Chat, "{\"model\":\"m\",\"messages\":[\"SECRET\" oops]}");

        call.IsRefused(400);
        Assert.Matches(@"\d", call.Json.GetProperty("error").GetProperty("message").GetString()!);
        Assert.DoesNotContain("SECRET", call.Body.Text, StringComparison.Ordinal);
        Assert.DoesNotContain("oops", call.Body.Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("\"text\"")]
    [InlineData("[]")]
    [InlineData("1")]
    [InlineData("true")]
    public async Task ProviderThatIsNoObject_Is400(string provider)
    {
        var call = await _pair.PostAsync(Chat, $$"""{"model":"ruled","provider":{{provider}}}""");

        call.IsRefused(400);
        Assert.Equal("provider", call.Json.GetProperty("error").GetProperty("param").GetString());
        Assert.Null(call.Upstream);
    }

    [Theory]
    [InlineData("/v1/files")]
    [InlineData("/v1/audio/speech")]
    [InlineData("/v1/presets/x/chat/completions")]
    public async Task UntouchedRoute_TakesAnything(string path)
    {
        var call = await _pair.PostAsync(path, "{ not json");

        Assert.Equal(200, call.Status);
        Assert.Equal("{ not json", call.Forwarded.BodyText);
    }

    [Fact]
    public async Task AnnouncedLengthOverTheLimit_Is413BeforeTheBodyIsSent()
    {
        await using var client = await _pair.Gateway.ConnectAsync();
        await client.SendAsync(
            $"POST {Chat} HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer k\r\nContent-Length: {Fixture.Limit + 1}\r\n\r\n");
        var (head, body) = await client.ReadAsync();

        new Exchange(head, body, null).IsRefused(413);
    }

    [Fact]
    public async Task BodyAtTheLimit_Passes()
    {
        var body = Sized(Fixture.Limit);

        var call = await _pair.PostAsync(Chat, body);

        Assert.Equal(200, call.Status);
        Splice.Inserted(body, call.Forwarded.Body!);
    }

    [Fact]
    public async Task ChunkedBodyOverTheLimit_Is413AndStaysHere()
    {
        var id = _pair.NextId();
        await using var client = await _pair.Gateway.ConnectAsync();
        await client.SendAsync(
            $"POST {Chat} HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer k\r\nx-fake-id: {id}\r\nTransfer-Encoding: chunked\r\n\r\n");
        await client.SendAsync($"{(Fixture.Limit + 1).ToString("x", System.Globalization.CultureInfo.InvariantCulture)}\r\n");
        await client.SendAsync(Sized(Fixture.Limit + 1));
        await client.SendAsync("\r\n0\r\n\r\n");
        var (head, body) = await client.ReadAsync();

        new Exchange(head, body, null).IsRefused(413);
        Assert.Null(_pair.Upstream.Requests.Find(id));
    }

    [Fact]
    public async Task GzippedBodyThatDecodesOverTheLimit_IsRefused()
    {
        using var output = new MemoryStream();
        using (var gzip = new System.IO.Compression.GZipStream(output, System.IO.Compression.CompressionLevel.Fastest))
        {
            gzip.Write(Sized(Fixture.Limit * 20));
        }

        var packed = output.ToArray();
        var call = await _pair.PostAsync(Chat, packed, "Content-Encoding: gzip");

        Assert.True(packed.Length < Fixture.Limit);
        Assert.True(call.Status is 413 or 415, call.Head.StatusLine);
        call.IsRefused(call.Status);
        Assert.Null(call.Upstream);
    }

    /// <summary>The limit is that of the decoded body. Stored blocks are longer than their content.</summary>
    [Fact]
    public async Task GzippedBodyAtTheLimit_Passes_ThoughItsLengthIsOverIt()
    {
        var body = Sized(Fixture.Limit);
        using var output = new MemoryStream();
        using (var gzip = new System.IO.Compression.GZipStream(output, System.IO.Compression.CompressionLevel.NoCompression))
        {
            gzip.Write(body);
        }

        var packed = output.ToArray();
        var call = await _pair.PostAsync(Chat, packed, "Content-Encoding: gzip");

        Assert.True(packed.Length > Fixture.Limit);
        Assert.Equal(200, call.Status);
        Splice.Inserted(body, call.Forwarded.Body!);
    }

    [Fact]
    public async Task MessagesRoute_Answers413InItsOwnDialect()
    {
        var call = await _pair.PostAsync("/v1/messages", Sized(Fixture.Limit + 1));

        call.IsRefusedInMessagesDialect(413);
        Assert.Equal("request_too_large", call.Json.GetProperty("error").GetProperty("type").GetString());
    }

    [Fact]
    public async Task UntouchedRoute_HasNoLimitOfTheRewrite()
    {
        var body = Sized(Fixture.Limit * 3);

        var call = await _pair.PostAsync("/v1/files", body);

        Assert.Equal(200, call.Status);
        Assert.Equal(body.Length, call.Forwarded.BodyLength);
    }

    [Theory]
    [InlineData("Content-Length: 5\r\nTransfer-Encoding: chunked")]
    [InlineData("Content-Length: 5\r\nContent-Length: 6")]
    [InlineData("Content-Length: abc")]
    [InlineData("Content-Length: no number of any length")]
    [InlineData("Content-Length: -1")]
    [InlineData("Transfer-Encoding: gzip")]
    public async Task AmbiguousFraming_IsRefusedAndStaysHere(string lines)
    {
        var id = _pair.NextId();
        await using var client = await _pair.Gateway.ConnectAsync();
        await client.SendAsync(
            $"POST {Chat} HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer k\r\nx-fake-id: {id}\r\n{lines}\r\n\r\n0\r\n\r\n");
        var head = await client.ReadHeadAsync();

        Assert.True(head.Status is 400 or 411 or 501, head.StatusLine);
        Assert.Null(_pair.Upstream.Requests.Find(id));
    }

    [Theory]
    [InlineData("zz")]
    [InlineData("ffffffffffffffff")]
    public async Task BrokenChunk_IsRefusedAndStaysHere(string size)
    {
        var id = _pair.NextId();
        await using var client = await _pair.Gateway.ConnectAsync();
        await client.SendAsync(
            $"POST {Chat} HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer k\r\nx-fake-id: {id}\r\n"
            + $"Transfer-Encoding: chunked\r\n\r\n{size}\r\n");
        var head = await client.ReadHeadAsync();

        Assert.Equal(400, head.Status);
        Assert.Null(_pair.Upstream.Requests.Find(id));
    }

    [Fact]
    public async Task HeadersOverTheLimit_Are431()
    {
        await using var client = await _pair.Gateway.ConnectAsync();
        await client.SendAsync(
            "GET /v1/models HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer k\r\nx-large: " + new string('x', 300_000) + "\r\n\r\n");
        var head = await client.ReadHeadAsync();

        Assert.Equal(431, head.Status);
    }

    private static byte[] Sized(int length)
    {
        const string Head = "{\"model\":\"ruled\",\"text\":\"";
        return Encoding.UTF8.GetBytes(Head + new string('x', length - Head.Length - 2) + "\"}");
    }

    public sealed class Fixture : GatewayFixture
    {
        internal const int Limit = 100_000;

        private protected override void Configure(GatewayHostOptions options)
        {
            options.Settings = ShippedSettings.WithValues(
                ("Server:MaxRequestBodySize", "100000"),
                ("ProviderMapping:Rules", """[{ "Model": "ruled", "Provider": { "order": ["a"] } }]"""));
        }
    }
}
