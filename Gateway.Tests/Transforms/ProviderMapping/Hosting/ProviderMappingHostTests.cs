using System.Globalization;
using System.IO.Compression;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Gateway.Tests.Support;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Logging;
using OpenRouterGateway.Transforms.ProviderMapping;
using Xunit;

namespace Gateway.Tests.Transforms.ProviderMapping.Hosting;

/// <summary>The step and the transform in a bare YARP host, over real sockets.</summary>
public class ProviderMappingHostTests
{
    private const string Block = "\"provider\":{\"order\":[\"A\",\"B\"]}";

    public static TheoryData<int, bool, int, int> Hops
    {
        get
        {
            var hops = new TheoryData<int, bool, int, int>();
            foreach (var textLength in new[] { 0, 1000, 65_500, 65_536, 1_114_000, 8_000_000 })
            {
                foreach (var isChunked in new[] { false, true })
                {
                    hops.Add(textLength, isChunked, 1, 1);
                    hops.Add(textLength, isChunked, 2, 1);
                    hops.Add(textLength, isChunked, 1, 2);
                }
            }

            return hops;
        }
    }

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("""{"model":"m/x"}""", false)]
    [InlineData("""{"model":"m/x","provider":{}}""", true)]
    public async Task DigestOfTheClientsBytes_GoesOnlyWithThem(string body, bool isSent)
    {
        string[] names = ["Content-MD5", "Digest", "Content-Digest", "Repr-Digest"];
        await using var upstream = await RecordingUpstream.StartAsync();
        await using var host = await MappingHost.StartAsync(upstream.Address);
        await using var connection = await RawConnection.OpenAsync(host.Http1);

        var answer = await connection.SendBodyAsync(Encoding.UTF8.GetBytes(body), string.Concat(names.Select(static name => $"{name}: x\r\n")));

        Assert.Equal(200, answer.Status);
        Assert.Equal(isSent ? names.Order() : [], upstream.TakeSingle().Headers.Keys.Intersect(names).Order());
    }

    [Theory]
    [MemberData(nameof(Hops))]
    public async Task Body_ReachesUpstreamToTheByteWithItsExactLength(int textLength, bool isChunked, int clientVersion, int upstreamVersion)
    {
        await using var upstream = await RecordingUpstream.StartAsync(upstreamVersion == 2 ? HttpProtocols.Http2 : HttpProtocols.Http1);
        await using var host = await MappingHost.StartAsync(upstream.Address, new() { UpstreamVersion = new Version(upstreamVersion, upstreamVersion == 2 ? 0 : 1) });
        using var client = Client();

        var text = new string('x', textLength);
        using var answer = await PostAsync(client, host, clientVersion, Encoding.UTF8.GetBytes($$"""{ "n":1.50e+3 ,"é":"{{text}}","model":"m\/x" }"""), isChunked);

        Assert.Equal("{\"ok\":true}", await answer.Content.ReadAsStringAsync(Token));
        var received = upstream.TakeSingle();
        var expected = Encoding.UTF8.GetBytes($$"""{ "n":1.50e+3 ,"é":"{{text}}","model":"m\/x",{{Block}} }""");
        Assert.True(expected.AsSpan().SequenceEqual(received.Body), "other bytes");
        Assert.Equal(expected.Length.ToString(CultureInfo.InvariantCulture), received.Headers["Content-Length"]);
        Assert.DoesNotContain("Transfer-Encoding", received.Headers.Keys);
        Assert.Equal($"HTTP/{upstreamVersion}{(upstreamVersion == 1 ? ".1" : "")}", received.Protocol);
    }

    [Theory]
    [InlineData("{}", "{" + Block + "}")]
    [InlineData("\uFEFF{ }", "\uFEFF{" + Block + " }")]
    [InlineData("{\"a\":1}\n", "{\"a\":1," + Block + "}\n")]
    [InlineData("{\"provider\":{\"only\":[\"x\"]}}", "{\"provider\":{\"only\":[\"x\"]}}")]
    public async Task SmallBodies_AreRewrittenOrLeftToTheByte(string body, string expected)
    {
        await using var upstream = await RecordingUpstream.StartAsync();
        await using var host = await MappingHost.StartAsync(upstream.Address);
        await using var connection = await RawConnection.OpenAsync(host.Http1);
        Assert.Equal(200, (await connection.SendBodyAsync(Encoding.UTF8.GetBytes(body))).Status);
        Assert.Equal(expected, Encoding.UTF8.GetString(upstream.TakeSingle().Body));
    }

    [Fact]
    public async Task ContentType_DoesNotDecideWhetherABodyIsJson()
    {
        await using var upstream = await RecordingUpstream.StartAsync();
        await using var host = await MappingHost.StartAsync(upstream.Address);
        foreach (var type in new[] { "", "Content-Type: text/plain\r\n", "Content-Type: application/x-www-form-urlencoded\r\n" })
        {
            await using var connection = await RawConnection.OpenAsync(host.Http1);
            Assert.Equal(200, (await connection.SendBodyAsync("{\"model\":\"m\"}"u8.ToArray(), type)).Status);
            Assert.EndsWith(Block + "}", Encoding.UTF8.GetString(upstream.TakeSingle().Body), StringComparison.Ordinal);
            Assert.Equal(400, (await connection.SendBodyAsync("model=m"u8.ToArray(), type)).Status);
        }
    }

    [Theory]
    [InlineData("gzip")]
    [InlineData("x-gzip")]
    [InlineData("GZIP")]
    [InlineData("deflate")]
    [InlineData("br")]
    [InlineData("identity")]
    public async Task EncodedBody_IsDecodedForUpstream(string encoding)
    {
        await using var upstream = await RecordingUpstream.StartAsync();
        await using var host = await MappingHost.StartAsync(upstream.Address);
        var plain = Encoding.UTF8.GetBytes("{\"text\":\"" + new string('x', 300_000) + "é\",\"model\":\"m\"}");
        await using var connection = await RawConnection.OpenAsync(host.Http1);

        var answer = await connection.SendBodyAsync(Encode(plain, encoding), $"Content-Encoding: {encoding}\r\n");

        Assert.Equal(200, answer.Status);
        var received = upstream.TakeSingle();
        byte[] expected = [.. plain[..^1], .. Encoding.UTF8.GetBytes("," + Block + "}")];
        Assert.True(expected.AsSpan().SequenceEqual(received.Body), "other bytes");
        Assert.Equal(expected.Length.ToString(CultureInfo.InvariantCulture), received.Headers["Content-Length"]);
        Assert.Equal(encoding == "identity" ? "identity" : null, received.Headers.GetValueOrDefault("Content-Encoding"));
    }

    [Theory]
    [InlineData("gzip")]
    [InlineData("deflate")]
    [InlineData("br")]
    public async Task DamagedEncoding_IsA400(string encoding)
    {
        await using var upstream = await RecordingUpstream.StartAsync();
        await using var host = await MappingHost.StartAsync(upstream.Address);
        var encoded = Encode(Encoding.UTF8.GetBytes("{\"text\":\"" + string.Concat(Enumerable.Range(0, 999)) + "\",\"model\":\"m\"}"), encoding);
        byte[] garbled = [.. encoded];
        garbled.AsSpan(encoded.Length / 2).Fill(0xA5);

        await using var connection = await RawConnection.OpenAsync(host.Http1);
        foreach (var body in new[] { encoded[..^20], encoded[..1], garbled, "{\"model\":\"m\"}"u8.ToArray() })
        {
            var answer = await connection.SendBodyAsync(body, $"Content-Encoding: {encoding}\r\n");
            Assert.Equal(400, answer.Status);
            Assert.Contains("\"code\":\"inv", answer.Body, StringComparison.Ordinal);
        }

        Assert.Equal(0, upstream.Count);
        AssertNothingWentWrong(host);
    }

    [Fact]
    public async Task DeflateThatAsksForADictionary_IsA400()
    {
        await using var upstream = await RecordingUpstream.StartAsync();
        await using var host = await MappingHost.StartAsync(upstream.Address);
        await using var connection = await RawConnection.OpenAsync(host.Http1);

        // RFC 1950: FDICT is set, and the checksum of the dictionary follows.
        var answer = await connection.SendBodyAsync([0x78, 0x20, 1, 2, 3, 4, .. "some data"u8], "Content-Encoding: deflate\r\n");

        Assert.Equal((400, "invalid_content_encoding"), (answer.Status, Code(answer)));
        Assert.Equal(0, upstream.Count);
        AssertNothingWentWrong(host);
    }

    [Theory]
    [InlineData("zstd")]
    [InlineData("compress")]
    [InlineData("gzip, br")]
    [InlineData("gzip, gzip")]
    public async Task UnknownEncoding_IsA415(string encoding)
    {
        await using var upstream = await RecordingUpstream.StartAsync();
        await using var host = await MappingHost.StartAsync(upstream.Address);
        await using var connection = await RawConnection.OpenAsync(host.Http1);
        var answer = await connection.SendBodyAsync("{\"model\":\"m\"}"u8.ToArray(), $"Content-Encoding: {encoding}\r\n");
        Assert.Equal(415, answer.Status);
        Assert.Equal("unsupported_content_encoding", Code(answer));
        Assert.Equal(0, upstream.Count);
        await AssertUsableAsync(connection, upstream);
    }

    [Fact]
    public async Task BodyOverTheLimit_IsA413HoweverItSaysItsSize()
    {
        await using var upstream = await RecordingUpstream.StartAsync();
        await using var host = await MappingHost.StartAsync(upstream.Address, new() { Options = options => options.MaxRequestBodySize = _ => 1000 });
        byte[] atLimit = Body(1000), overLimit = Body(1001);

        foreach (var isChunked in new[] { false, true })
        {
            await using var connection = await RawConnection.OpenAsync(host.Http1);
            var answer = await SendAsync(connection, atLimit, isChunked, chunkSize: 100);
            Assert.Equal(200, answer.Status);
            Assert.Equal(1000 + Block.Length + 1, upstream.TakeSingle().Body.Length);

            answer = await SendAsync(connection, overLimit, isChunked, chunkSize: 100);
            Assert.Equal(413, answer.Status);
            Assert.Equal("request_too_large", Code(answer));
            Assert.Equal(0, upstream.Count);
            await AssertUsableAsync(connection, upstream);
        }

        AssertNothingWentWrong(host);
    }

    [Fact]
    public async Task ChunkFraming_DoesNotCountAgainstTheLimit()
    {
        await using var upstream = await RecordingUpstream.StartAsync();
        await using var host = await MappingHost.StartAsync(upstream.Address, new() { Options = options => options.MaxRequestBodySize = _ => 1000 });
        await using var connection = await RawConnection.OpenAsync(host.Http1);
        Assert.Equal(200, (await SendAsync(connection, Body(1000), isChunked: true, chunkSize: 1)).Status);
    }

    [Theory]
    [InlineData("gzip")]
    [InlineData("deflate")]
    [InlineData("br")]
    public async Task BombThatUnfoldsOverTheLimit_IsA413(string encoding)
    {
        await using var upstream = await RecordingUpstream.StartAsync();
        await using var host = await MappingHost.StartAsync(upstream.Address, new() { Options = options => options.MaxRequestBodySize = _ => 100_000 });
        var bomb = Encode(Body(20_000_000), encoding);
        Assert.True(bomb.Length < 100_000);
        await using var connection = await RawConnection.OpenAsync(host.Http1);

        var answer = await connection.SendBodyAsync(bomb, $"Content-Encoding: {encoding}\r\n");

        Assert.Equal(413, answer.Status);
        Assert.Equal(0, upstream.Count);
        await AssertUsableAsync(connection, upstream);
    }

    [Theory]
    [InlineData(2000L, 1000, 1500, 200)]
    [InlineData(1000L, 2000, 1500, 413)]
    [InlineData(-1L, 1000, 1500, 200)]
    [InlineData(null, 1000, 1500, 413)]
    public async Task RouteLimit_WinsOverTheOption(long? routeLimit, long optionLimit, int size, int status)
    {
        await using var upstream = await RecordingUpstream.StartAsync();
        await using var host = await MappingHost.StartAsync(
            upstream.Address, new() { RouteLimit = routeLimit, Options = options => options.MaxRequestBodySize = _ => optionLimit });
        await using var connection = await RawConnection.OpenAsync(host.Http1);
        Assert.Equal(status, (await connection.SendBodyAsync(Body(size))).Status);
    }

    [Fact]
    public async Task ServersOwnLimit_GivesWayToTheOption()
    {
        await using var upstream = await RecordingUpstream.StartAsync();
        await using var host = await MappingHost.StartAsync(upstream.Address, new() { Kestrel = kestrel => kestrel.Limits.MaxRequestBodySize = 100 });
        await using var connection = await RawConnection.OpenAsync(host.Http1);
        Assert.Equal(200, (await connection.SendBodyAsync(Body(5000))).Status);
    }

    [Theory]
    [InlineData("multipart/form-data; boundary=b")]
    [InlineData(" Multipart/Related; boundary=b")]
    [InlineData("multipart/json; application/json")]
    [InlineData("application/json,multipart/mixed")]
    public async Task Multipart_Is415(string type)
    {
        await using var upstream = await RecordingUpstream.StartAsync();
        await using var host = await MappingHost.StartAsync(upstream.Address, new());
        await using var connection = await RawConnection.OpenAsync(host.Http1);
        Assert.Equal(415, (await connection.SendBodyAsync(Body(100), $"Content-Type: {type}\r\n")).Status);
        Assert.Equal(0, upstream.Count);
    }

    [Fact]
    public async Task RouteWithoutTheTransform_PassesUnread()
    {
        await using var upstream = await RecordingUpstream.StartAsync();
        await using var host = await MappingHost.StartAsync(upstream.Address, new() { Options = options => options.MaxRequestBodySize = _ => 1 });
        await using var connection = await RawConnection.OpenAsync(host.Http1);
        await connection.SendAsync("POST /v1/files HTTP/1.1\r\nHost: gateway\r\nContent-Length: 9\r\n\r\nno \u00FF json");
        Assert.Equal(200, (await connection.ReadAnswerAsync()).Status);
        Assert.Equal(Encoding.Latin1.GetBytes("no \u00FF json"), upstream.TakeSingle().Body);
    }

    [Fact]
    public async Task TransformWithoutTheStep_IsAFaultAtStart()
    {
        var fault = await Assert.ThrowsAnyAsync<Exception>(() => MappingHost.StartAsync("http://127.0.0.1:1", new() { HasStep = false }));
        Assert.Contains("UseProviderMapping", fault.ToString(), StringComparison.Ordinal);
        Assert.Contains("mapped", fault.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task UnknownTransformValue_IsAFaultAtStart()
    {
        var fault = await Assert.ThrowsAnyAsync<Exception>(() => MappingHost.StartAsync("http://127.0.0.1:1", new() { TransformValue = "Strict" }));
        Assert.Contains("'Strict'. Expected the name of a rule set: 'Default'.", fault.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("", "the body is empty at byte 0")]
    [InlineData("[]", "expected '{' at byte 0")]
    [InlineData("{\"model\":\"m\"", "the body ends too early at byte 12")]
    [InlineData("{\"model\":\"m\"}x", "unexpected bytes after the object at byte 13")]
    [InlineData("{\"model\":\"\u00FF\"}", "invalid UTF-8 at byte 10")]
    public async Task BadJson_IsA400ThatSaysWhereAndTheConnectionLivesOn(string body, string where)
    {
        await using var upstream = await RecordingUpstream.StartAsync();
        await using var host = await MappingHost.StartAsync(upstream.Address);
        await using var connection = await RawConnection.OpenAsync(host.Http1);

        var answer = await connection.SendBodyAsync(Encoding.Latin1.GetBytes(body));

        Assert.Equal(400, answer.Status);
        Assert.Equal("application/json", answer.Headers["Content-Type"]);
        using var error = JsonDocument.Parse(answer.Body);
        Assert.Contains(where, error.RootElement.GetProperty("error").GetProperty("message").GetString(), StringComparison.Ordinal);
        Assert.Equal("invalid_request_error", error.RootElement.GetProperty("error").GetProperty("type").GetString());
        Assert.Equal("invalid_json", Code(answer));
        Assert.Equal(JsonValueKind.Null, error.RootElement.GetProperty("error").GetProperty("param").ValueKind);
        Assert.Equal(0, upstream.Count);
        await AssertUsableAsync(connection, upstream);
        AssertNothingWentWrong(host);
    }

    [Fact]
    public async Task BadJsonAtTheStartOfALargeUpload_LeavesTheConnectionUsable()
    {
        await using var upstream = await RecordingUpstream.StartAsync();
        await using var host = await MappingHost.StartAsync(upstream.Address);
        await using var connection = await RawConnection.OpenAsync(host.Http1);
        Assert.Equal(400, (await connection.SendBodyAsync([.. "x"u8, .. Body(2_000_000)])).Status);
        await AssertUsableAsync(connection, upstream);
    }

    [Theory]
    [InlineData("zz\r\n{}\r\n0\r\n\r\n")]
    [InlineData("2\r\n{}XX0\r\n\r\n")]
    [InlineData("-2\r\n{}\r\n0\r\n\r\n")]
    public async Task BadChunkFraming_IsA400(string framed)
    {
        await using var upstream = await RecordingUpstream.StartAsync();
        await using var host = await MappingHost.StartAsync(upstream.Address);
        await using var connection = await RawConnection.OpenAsync(host.Http1);
        await connection.SendHeadAsync("Transfer-Encoding: chunked\r\n");
        await connection.SendAsync(framed);
        var answer = await connection.ReadAnswerAsync();
        Assert.Equal(400, answer.Status);
        Assert.Equal("bad_request", Code(answer));
        Assert.Equal(0, upstream.Count);
        AssertNothingWentWrong(host);
    }

    [Fact]
    public async Task BodyThatArrivesTooSlowly_IsA408()
    {
        await using var upstream = await RecordingUpstream.StartAsync();
        await using var host = await MappingHost.StartAsync(
            upstream.Address,
            new() { Kestrel = kestrel => kestrel.Limits.MinRequestBodyDataRate = new MinDataRate(bytesPerSecond: 1000, gracePeriod: TimeSpan.FromSeconds(1.1)) });
        await using var connection = await RawConnection.OpenAsync(host.Http1);
        await connection.SendHeadAsync("Content-Length: 100000\r\n");
        await connection.SendAsync("{\"model\":");
        var answer = await connection.ReadAnswerAsync();
        Assert.Equal(408, answer.Status);
        Assert.Equal("request_timeout", Code(answer));
        AssertNothingWentWrong(host);
    }

    [Fact]
    public async Task ExpectContinue_IsAnsweredHereAndNotAskedUpstream()
    {
        await using var upstream = await RecordingUpstream.StartAsync();
        await using var host = await MappingHost.StartAsync(upstream.Address);
        await using var connection = await RawConnection.OpenAsync(host.Http1);
        await connection.SendHeadAsync("Expect: 100-continue\r\nContent-Length: 13\r\n");
        Assert.Equal(100, (await connection.ReadAnswerAsync()).Status);
        await connection.SendAsync("{\"model\":\"m\"}");
        Assert.Equal(200, (await connection.ReadAnswerAsync()).Status);
        Assert.DoesNotContain("Expect", upstream.TakeSingle().Headers.Keys);
        await AssertUsableAsync(connection, upstream);
    }

    [Theory]
    [InlineData("Content-Length: 99999\r\n", 413)]
    [InlineData("Content-Length: 13\r\nContent-Encoding: zstd\r\n", 415)]
    public async Task ExpectContinue_OfABodyNotWantedIsRefusedAtOnce(string headers, int status)
    {
        await using var upstream = await RecordingUpstream.StartAsync();
        await using var host = await MappingHost.StartAsync(upstream.Address, new() { Options = options => options.MaxRequestBodySize = _ => 1000 });
        await using var connection = await RawConnection.OpenAsync(host.Http1);
        await connection.SendHeadAsync("Expect: 100-continue\r\n" + headers);
        Assert.Equal(status, (await connection.ReadAnswerAsync()).Status);
        Assert.Equal(0, upstream.Count);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task ClientThatLeavesInMidUpload_IsNoError(bool isReset)
    {
        await using var upstream = await RecordingUpstream.StartAsync();
        await using var host = await MappingHost.StartAsync(upstream.Address);
        for (var i = 0; i < 5; i++)
        {
            foreach (var framing in new[] { "Content-Length: 100000\r\n", "Transfer-Encoding: chunked\r\n", "Content-Length: 100000\r\nContent-Encoding: gzip\r\n" })
            {
                var leaving = await RawConnection.OpenAsync(host.Http1);
                await leaving.SendHeadAsync(framing);
                await leaving.SendAsync(framing[0] == 'T' ? "9\r\n{\"model\":\r\n" : "{\"model\":");
                if (isReset)
                {
                    leaving.Reset();
                }

                await leaving.DisposeAsync();
            }
        }

        await using var staying = await RawConnection.OpenAsync(host.Http1);
        await AssertUsableAsync(staying, upstream);
        await AllRequestsEndedAsync(host, 16);
        AssertNothingWentWrong(host);
    }

    [Fact]
    public async Task Http2ClientThatLeavesInMidUpload_IsNoError()
    {
        await using var upstream = await RecordingUpstream.StartAsync();
        await using var host = await MappingHost.StartAsync(upstream.Address);
        using var client = Client();
        for (var i = 0; i < 5; i++)
        {
            using var leave = new CancellationTokenSource();
            using var content = new EndlessContent(leave);
            using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(host.Http2, MappingHost.Path))
            {
                Version = HttpVersion.Version20,
                VersionPolicy = HttpVersionPolicy.RequestVersionExact,
                Content = content,
            };
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => client.SendAsync(request, leave.Token));
        }

        using var answer = await PostAsync(client, host, 2, "{\"model\":\"m\"}"u8.ToArray(), isChunked: false);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        await AllRequestsEndedAsync(host, 6);
        AssertNothingWentWrong(host);
    }

    [Fact]
    public async Task Connection_ServesManyBodiesInTurn()
    {
        await using var upstream = await RecordingUpstream.StartAsync();
        await using var host = await MappingHost.StartAsync(upstream.Address);
        await using var connection = await RawConnection.OpenAsync(host.Http1);
        for (var i = 0; i < 20; i++)
        {
            var isChunked = i % 2 == 0;
            Assert.Equal(200, (await SendAsync(connection, Body(10 + (i * 7919)), isChunked, chunkSize: 5000)).Status);
            Assert.Equal(10 + (i * 7919) + Block.Length + 1, upstream.TakeSingle().Body.Length);
        }
    }

    [Fact]
    public async Task ConcurrentBodies_AreNeverMixed()
    {
        await using var upstream = await RecordingUpstream.StartAsync();
        await using var host = await MappingHost.StartAsync(upstream.Address);
        await Task.WhenAll(Enumerable.Range(0, 16).Select(async worker =>
        {
            await using var connection = await RawConnection.OpenAsync(host.Http1);
            for (var i = 0; i < 10; i++)
            {
                var body = Encoding.UTF8.GetBytes("{\"who\":\"" + new string((char)('a' + worker), 150_000) + "\"}");
                Assert.Equal(200, (await connection.SendBodyAsync(body)).Status);
            }
        }));
        Assert.Equal(160, upstream.Count);
    }

    [Fact]
    public async Task Feature_TellsTheHostWhatWasFoundAndDecided()
    {
        IProviderMappingFeature? seen = null;
        await using var upstream = await RecordingUpstream.StartAsync();
        await using var host = await MappingHost.StartAsync(
            upstream.Address, new() { Behind = context => seen = context.Features.Get<IProviderMappingFeature>(), Mappings = ["m*=A"] });
        await using var connection = await RawConnection.OpenAsync(host.Http1);
        await connection.SendBodyAsync("{\"stream\":true,\"model\":\"m1\"}"u8.ToArray());
        Assert.NotNull(seen);
        Assert.Equal("m1", seen.Facts.RequestedModel);
        Assert.True(seen.Facts.Streams);
        Assert.Equal("rule-1", seen.Decision.AppliedRules);
        Assert.Equal(RequestEndpoint.Generation, seen.Endpoint);
    }

    [Fact]
    public async Task Rejection_IsWrittenByTheHostIfItWants()
    {
        await using var upstream = await RecordingUpstream.StartAsync();
        await using var host = await MappingHost.StartAsync(upstream.Address, new()
        {
            Options = options => options.OnRejected = (context, rejection) =>
            {
                context.Response.StatusCode = 499;
                return context.Response.WriteAsync($"{rejection.Status} {rejection.Code}", context.RequestAborted);
            },
        });
        await using var connection = await RawConnection.OpenAsync(host.Http1);
        var answer = await connection.SendBodyAsync("[]"u8.ToArray());
        Assert.Equal((499, "400 invalid_json"), (answer.Status, answer.Body));
    }

    private static HttpClient Client() => new(new SocketsHttpHandler { UseProxy = false }) { Timeout = HangGuard.Limit };

    private static async Task<HttpResponseMessage> PostAsync(HttpClient client, MappingHost host, int version, byte[] body, bool isChunked)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(version == 2 ? host.Http2 : host.Http1, MappingHost.Path))
        {
            Version = new Version(version, version == 2 ? 0 : 1),
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = new ByteArrayContent(body),
        };
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        if (isChunked)
        {
            // HTTP/2 has no chunks: there a body without a length stands for them.
            request.Headers.TransferEncodingChunked = version == 1;
            request.Content = version == 1 ? request.Content : new StreamContent(new MemoryStream(body)) { Headers = { ContentLength = null } };
        }

        return await client.SendAsync(request, Token);
    }

    private static async Task<RawConnection.Answer> SendAsync(RawConnection connection, byte[] body, bool isChunked, int chunkSize)
    {
        if (!isChunked)
        {
            return await connection.SendBodyAsync(body);
        }

        await connection.SendHeadAsync("Transfer-Encoding: chunked\r\n");
        var framed = new List<byte>();
        foreach (var chunk in body.Chunk(chunkSize))
        {
            framed.AddRange(Encoding.ASCII.GetBytes(chunk.Length.ToString("x", CultureInfo.InvariantCulture) + "\r\n"));
            framed.AddRange(chunk);
            framed.AddRange("\r\n"u8);
        }

        framed.AddRange("0\r\n\r\n"u8);
        await connection.SendAsync([.. framed]);
        return await connection.ReadAnswerAsync();
    }

    /// <summary>An object of exactly so many bytes.</summary>
    private static byte[] Body(int length) => Encoding.UTF8.GetBytes("{\"a\":\"" + new string('x', length - 8) + "\"}");

    private static byte[] Encode(byte[] plain, string encoding)
    {
        using var encoded = new MemoryStream();
        using (Stream encoder = encoding.ToUpperInvariant() switch
        {
            "GZIP" or "X-GZIP" => new GZipStream(encoded, CompressionLevel.Optimal, leaveOpen: true),
            "DEFLATE" => new ZLibStream(encoded, CompressionLevel.Optimal, leaveOpen: true),
            "BR" => new BrotliStream(encoded, CompressionLevel.Fastest, leaveOpen: true),
            _ => new BufferedStream(new MemoryStream()),
        })
        {
            encoder.Write(plain);
        }

        return encoding == "identity" ? plain : encoded.ToArray();
    }

    private static string? Code(RawConnection.Answer answer)
    {
        using var error = JsonDocument.Parse(answer.Body);
        return error.RootElement.GetProperty("error").GetProperty("code").GetString();
    }

    private static async Task AssertUsableAsync(RawConnection connection, RecordingUpstream upstream)
    {
        Assert.Equal(200, (await connection.SendBodyAsync("{\"model\":\"m\"}"u8.ToArray())).Status);
        Assert.Equal("{\"model\":\"m\"," + Block + "}", Encoding.UTF8.GetString(upstream.TakeSingle().Body));
    }

    // Kestrel warns of a heartbeat that a busy machine has delayed.
    private static void AssertNothingWentWrong(MappingHost host) => Assert.DoesNotContain(
        host.Logs.Lines, line => line.Level >= LogLevel.Warning && !line.Message.Contains("heartbeat", StringComparison.OrdinalIgnoreCase));

    /// <summary>Waits until the server has written that so many requests were finished.</summary>
    private static async Task AllRequestsEndedAsync(MappingHost host, int count)
    {
        await Eventually.TrueAsync(() => Ended() >= count, $"{count} requests to end");
        Assert.Equal(count, Ended());

        int Ended() => host.Logs.Lines.Count(line =>
            line.Category == "Microsoft.AspNetCore.Hosting.Diagnostics" && line.Message.StartsWith("Request finished", StringComparison.Ordinal));
    }

    /// <summary>Sends the start of a body, then leaves.</summary>
    private sealed class EndlessContent(CancellationTokenSource leave) : HttpContent
    {
        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
        {
            await stream.WriteAsync("{\"model\":"u8.ToArray(), Token);
            await stream.FlushAsync(Token);
            await leave.CancelAsync();

            // The client resets the stream when the content has ended.
            await new TaskCompletionSource().Task.WaitAsync(leave.Token);
        }

        protected override bool TryComputeLength(out long length)
        {
            length = 0;
            return false;
        }
    }
}
