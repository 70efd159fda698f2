using System.Globalization;
using System.IO.Compression;
using System.Text;
using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.EndToEnd;

/// <summary>
/// Promise: of a body that is rewritten every byte outside the edit arrives as it was sent; one without an edit arrives whole.
/// </summary>
public sealed class BodyBytesTests : IClassFixture<BodyBytesTests.Fixture>
{
    private const string Chat = "/v1/chat/completions";

    private readonly GatewayPair _pair;

    public BodyBytesTests(Fixture fixture)
    {
        _pair = fixture.Pair;
    }

    public static TheoryData<string> OddButLegal() =>
    [
        """{"z":1,"model":"MODEL","a":2,"messages":[]}""",
        """{"model":"MODEL","seed":123456789012345678901234567890,"big":1e400,"neg":-0,"frac":1.10,"exp":1E+2,"tiny":5e-324}""",
        """{"model":"MODEL","text":"\u00e9\ud83d\ude00\/\b\f\n\r\t\"\\ \u0000 é 😀 \u2028"}""",
        """{"model":"MODEL","lone":"\ud800","other":"\udc00\ud800x"}""",
        """{ "model" : "MODEL" , "unknown_member" : { "deep" : [ null , true , false , { } , [ ] ] } , "messages" : [ ] }""",
        "\r\n\t {\r\n\t\"model\":\"MODEL\"\r\n}\r\n \t",
        """{"model":"MODEL","":0," ":1,"provider ":2,"Provider":3,"PROVIDER":{"order":["x"]},"providers":4}""",
        """{"messages":[{"role":"user","content":"\"provider\":{\"order\":[\"x\"]}, }]"}],"model":"MODEL"}""",
        """{"metadata":{"provider":{"order":["nested"]},"model":"other"},"model":"MODEL"}""",
        """{"a":1,"a":2,"a":3,"model":"MODEL"}""",
        """{"mod\u0065l":"MODEL"}""",
        """{"model":"MODEL","stream":false,"stream_options":{"include_usage":true},"n":1}""",
        """{"model":"MODEL","provider":null}""",
    ];

    [Theory]
    [MemberData(nameof(OddButLegal))]
    public async Task BodyWithoutAnEdit_ArrivesWhole(string template)
    {
        var body = template.Replace("MODEL", "free", StringComparison.Ordinal);

        var call = await _pair.PostAsync(Chat, body);

        Assert.Equal(200, call.Status);
        Assert.Equal(body, call.Forwarded.BodyText);
    }

    [Theory]
    [MemberData(nameof(OddButLegal))]
    public async Task BodyWithAnEdit_KeepsEveryOtherByte(string template)
    {
        var body = template.Replace("MODEL", "ruled", StringComparison.Ordinal);

        var call = await _pair.PostAsync(Chat, body);

        Assert.Equal(200, call.Status);
        Assert.Equal(
            ["a"], call.ForwardedJson.GetProperty("provider").GetProperty("order").EnumerateArray().Select(name => name.GetString()!));
        if (!template.Contains("\"provider\":null", StringComparison.Ordinal))
        {
            Splice.Inserted(body, call.Forwarded.Body!);
        }

        Assert.Equal(1, CountOfProviderMembers(call.Forwarded.Body!));
        Assert.Equal(call.Forwarded.BodyLength.ToString(CultureInfo.InvariantCulture), call.Forwarded.Header("Content-Length"));
    }

    [Theory]
    [InlineData("free")]
    [InlineData("ruled")]
    public async Task ByteOrderMark_IsAcceptedAndKept(string model)
    {
        var body = "\uFEFF{\"model\":\"" + model + "\"}";

        var call = await _pair.PostAsync(Chat, body);

        Assert.Equal(200, call.Status);
        Assert.Equal((byte)0xEF, call.Forwarded.Body![0]);
        if (model == "ruled")
        {
            Assert.Contains("provider", Splice.Inserted(body, call.Forwarded.Body), StringComparison.Ordinal);
        }
        else
        {
            Assert.Equal(body, call.Forwarded.BodyText);
        }
    }

    [Theory]
    [InlineData("free", 1000)]
    [InlineData("ruled", 1000)]
    public async Task DeepNesting_IsOrdinaryInput(string model, int levels)
    {
        var body = $$"""{"deep":{{new string('[', levels)}}{{new string(']', levels)}},"model":"{{model}}","x":1}""";

        var call = await _pair.PostAsync(Chat, body);

        Assert.Equal(200, call.Status);
        Assert.Equal(model == "ruled", Splice.Inserted(body, call.Forwarded.Body!).Length > 0);
    }

    [Theory]
    [InlineData("free")]
    [InlineData("ruled")]
    public async Task FiftyMegabytes_PassToTheByte(string model)
    {
        var body = LargeBody(model, 50_000_000);

        var call = await _pair.PostAsync(Chat, body);

        Assert.Equal(200, call.Status);
        Assert.Equal(model == "ruled", Splice.Inserted(body, call.Forwarded.Body!).Length > 0);
    }

    [Theory]
    [InlineData("free")]
    [InlineData("ruled")]
    public async Task ChunkedBody_ArrivesWhole(string model)
    {
        var body = LargeBody(model, 200_000);
        var id = _pair.NextId();
        await using var client = await _pair.Gateway.ConnectAsync();
        await client.SendAsync(
            $"POST {Chat} HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer k\r\nx-fake-id: {id}\r\nTransfer-Encoding: chunked\r\n\r\n");
        var sizes = new Prng(7);
        for (var at = 0; at < body.Length;)
        {
            var size = Math.Min(body.Length - at, 1 + (int)(sizes.Next() % 9000));
            await client.SendAsync($"{size.ToString("X", CultureInfo.InvariantCulture)};ext=1\r\n");
            await client.SendAsync(body.AsMemory(at, size));
            await client.SendAsync("\r\n");
            at += size;
        }

        await client.SendAsync("0\r\n\r\n");
        var (head, _) = await client.ReadAsync();

        Assert.Equal(200, head.Status);
        var request = _pair.Upstream.Requests.Find(id)!;
        Assert.Equal(model == "ruled", Splice.Inserted(body, request.Body!).Length > 0);
        if (model == "ruled")
        {
            Assert.Equal(request.BodyLength.ToString(CultureInfo.InvariantCulture), request.Header("Content-Length"));
            Assert.Empty(request.HeaderValues("Transfer-Encoding"));
        }
    }

    [Fact]
    public async Task BodyThatArrivesByteByByte_IsRewrittenAllTheSame()
    {
        const string Body = """{"model":"ruled","messages":[{"role":"user","content":"h\u00e9"}]}""";
        var id = _pair.NextId();
        await using var client = await _pair.Gateway.ConnectAsync();
        await client.SendAsync(
            $"POST {Chat} HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer k\r\nx-fake-id: {id}\r\nContent-Length: {Body.Length}\r\n\r\n");
        foreach (var letter in Body)
        {
            await client.SendAsync(letter.ToString());
        }

        var (head, _) = await client.ReadAsync();

        Assert.Equal(200, head.Status);
        Assert.Contains("\"a\"", Splice.Inserted(Body, _pair.Upstream.Requests.Find(id)!.Body!), StringComparison.Ordinal);
    }

    [Fact]
    public async Task DuplicateProviders_AreCutToOneWhenTheRuleWrites()
    {
        // The last one counts and is null, which is not set; so the rule applies and exactly one member of the name remains.
        const string Body = """{"provider":{"order":["x"]},"model":"ruled","provider":{"only":["y"]},"t":1,"provider":null}""";

        var call = await _pair.PostAsync(Chat, Body);

        Assert.Equal(200, call.Status);
        Assert.Equal(1, CountOfProviderMembers(call.Forwarded.Body!));
        Assert.Equal("a", call.ForwardedJson.GetProperty("provider").GetProperty("order")[0].GetString());
        Assert.Equal(3, call.ForwardedJson.EnumerateObject().Count());
        Assert.Equal(1, call.ForwardedJson.GetProperty("t").GetInt32());
        Assert.Contains("\"model\":\"ruled\"", call.Forwarded.BodyText, StringComparison.Ordinal);
    }

    [Fact]
    public async Task DuplicateProvidersOfTheClient_PassUntouchedWhenTheClientIsKept()
    {
        const string Body = """{"provider":{"order":["x"]},"model":"ruled","provider":{"only":["y"]}}""";

        var call = await _pair.PostAsync(Chat, Body);

        Assert.Equal(Body, call.Forwarded.BodyText);
    }

    [Theory]
    [InlineData("free")]
    [InlineData("ruled")]
    public async Task GzippedBody_IsDecodedOrPassedButNeverCorrupted(string model)
    {
        var body = LargeBody(model, 100_000);

        var call = await _pair.PostAsync(Chat, Gzip(body), "Content-Encoding: gzip");

        if (call.Status == 415)
        {
            call.IsRefused(415);
            Assert.Null(call.Upstream);
            return;
        }

        Assert.Equal(200, call.Status);
        var coding = call.Forwarded.Header("Content-Encoding");
        var arrived = coding == "gzip" ? Gunzip(call.Forwarded.Body!) : call.Forwarded.Body!;
        Assert.True(coding is null or "gzip", coding);
        Assert.Equal(model == "ruled", Splice.Inserted(body, arrived).Length > 0);
    }

    [Theory]
    [InlineData("br")]
    [InlineData("zstd")]
    [InlineData("gzip, br")]
    [InlineData("nonsense")]
    public async Task UnknownContentEncoding_Is415OrDecoded(string coding)
    {
        var call = await _pair.PostAsync(Chat, [1, 2, 3, 4], $"Content-Encoding: {coding}");

        Assert.True(call.Status is 400 or 415, call.Head.StatusLine);
        Assert.Null(call.Upstream);
    }

    [Fact]
    public async Task BrokenGzip_Is400AndStaysHere()
    {
        var body = Gzip(LargeBody("ruled", 10_000));
        body[body.Length / 2] ^= 0xFF;

        var call = await _pair.PostAsync(Chat, body[..^10], "Content-Encoding: gzip");

        Assert.True(call.Status is 400 or 415, call.Head.StatusLine);
        Assert.Null(call.Upstream);
    }

    [Fact]
    public async Task IdentityEncoding_IsNoEncoding()
    {
        var call = await _pair.PostAsync(Chat, """{"model":"ruled"}""", "Content-Encoding: identity");

        Assert.Equal(200, call.Status);
        Assert.True(call.ForwardedJson.TryGetProperty("provider", out _));
    }

    [Fact]
    public async Task GzippedBodyOfAnUntouchedRoute_PassesAsItIs()
    {
        var body = Gzip("any file"u8.ToArray());

        var call = await _pair.PostAsync("/v1/files", body, "Content-Encoding: gzip");

        Assert.Equal(body, call.Forwarded.Body!);
        Assert.Equal("gzip", call.Forwarded.Header("Content-Encoding"));
    }

    [Fact]
    public async Task ManyRequestsOnOneConnection_KeepTheirBodiesApart()
    {
        await using var client = await _pair.Gateway.ConnectAsync();
        for (var i = 0; i < 30; i++)
        {
            var body = LargeBody(i % 2 == 0 ? "ruled" : "free", 100 + (i * 3000));
            var id = _pair.NextId();
            await client.PostAsync(Chat, body, $"x-fake-id: {id}");
            var (head, answer) = await client.ReadAsync();

            Assert.Equal(200, head.Status);
            Assert.Equal(RawEnd.Complete, answer.End);
            Splice.Inserted(body, _pair.Upstream.Requests.Find(id)!.Body!);
        }
    }

    [Fact]
    public async Task PipelinedRequests_AreAnsweredInOrder()
    {
        await using var client = await _pair.Gateway.ConnectAsync();
        string[] ids = [_pair.NextId(), _pair.NextId(), _pair.NextId()];
        var text = new StringBuilder();
        foreach (var id in ids)
        {
            var body = $$"""{"model":"ruled","user":"{{id}}"}""";
            text.Append(CultureInfo.InvariantCulture, $"POST {Chat} HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer k\r\nx-fake-id: {id}\r\n");
            text.Append(CultureInfo.InvariantCulture, $"x-fake-echo: 1\r\nContent-Length: {body.Length}\r\n\r\n{body}");
        }

        await client.SendAsync(text.ToString());
        foreach (var id in ids)
        {
            var (head, body) = await client.ReadAsync();
            Assert.Equal(200, head.Status);
            Assert.Contains($"\"{id}\"", body.Text, StringComparison.Ordinal);
        }
    }

    private static int CountOfProviderMembers(byte[] body)
    {
        var count = 0;
        var reader = new System.Text.Json.Utf8JsonReader(body, new System.Text.Json.JsonReaderOptions { MaxDepth = 10_000 });
        while (reader.Read())
        {
            if (reader.CurrentDepth == 1 && reader.TokenType == System.Text.Json.JsonTokenType.PropertyName && reader.ValueTextEquals(
                "provider"))
            {
                count++;
            }
        }

        return count;
    }

    private static byte[] LargeBody(string model, int length)
    {
        var head = Encoding.UTF8.GetBytes("{\"messages\":[{\"role\":\"user\",\"content\":\"");
        var tail = Encoding.UTF8.GetBytes($"\"}}],\"model\":\"{model}\",\"seed\":12345678901234567890}}");
        var body = new byte[Math.Max(length, head.Length + tail.Length)];
        head.CopyTo(body, 0);
        var text = body.AsSpan()[head.Length..^tail.Length];
        var random = new Prng(3);
        for (var i = 0; i < text.Length; i++)
        {
            text[i] = (byte)('A' + (random.Next() % 50));
            text[i] = text[i] == (byte)'\\' ? (byte)'_' : text[i];
        }

        tail.CopyTo(body, body.Length - tail.Length);
        return body;
    }

    private static byte[] Gzip(byte[] bytes)
    {
        using var output = new MemoryStream();
        using (var gzip = new GZipStream(output, CompressionLevel.Fastest))
        {
            gzip.Write(bytes);
        }

        return output.ToArray();
    }

    private static byte[] Gunzip(byte[] bytes)
    {
        using var output = new MemoryStream();
        using var gzip = new GZipStream(new MemoryStream(bytes), CompressionMode.Decompress);
        gzip.CopyTo(output);
        return output.ToArray();
    }

    public sealed class Fixture : GatewayFixture
    {
        private protected override void Configure(GatewayHostOptions options)
        {
            options.Rules("""[{ "Name": "r", "Model": "ruled", "Provider": { "order": ["a"] } }]""");
        }
    }
}
