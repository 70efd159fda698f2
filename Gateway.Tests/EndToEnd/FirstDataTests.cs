using System.Text;
using Gateway.Billing;
using Gateway.Tests.Support;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Gateway.Tests.EndToEnd;

/// <summary>
/// Promise: the first data of an answer with status 200 decides about the status that the client sees. An error becomes the status that it
/// says; everything else passes to the byte.
/// </summary>
public sealed class FirstDataTests : IClassFixture<FirstDataTests.Fixture>
{
    private const string Chat = "/v1/chat/completions";
    private const string Streaming = """{"model":"m","stream":true}""";
    private const string Comment = ": OPENROUTER PROCESSING\n\n";
    private const string Created = "event: response.created\ndata: {\"type\":\"response.created\",\"response\":{\"error\":null,\"output\":[]}}\n\n";
    private const string InProgress = "event: response.in_progress\ndata: {\"type\":\"response.in_progress\"}\n\n";
    private const string MessageStart = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"content\":[]}}\n\n";
    private const string Ping = "event: ping\ndata: {\"type\": \"ping\"}\n\n";
    private const string Overloaded = """{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}""";
    private const string Chunk = """data: {"id":"gen-1","choices":[{"delta":{"content":"hi"}}]}""" + "\n\n";
    private const string Done = "data: [DONE]\n\n";

    private readonly GatewayPair _pair;

    public FirstDataTests(Fixture fixture)
    {
        _pair = fixture.Pair;
    }

    [Theory]
    [InlineData(Chat, "", """{"id":"gen-1","error":{"code":429,"message":"slow"},"choices":[{"delta":{"content":""},"finish_reason":"error"}]}""", 429)]
    [InlineData(Chat, Comment + Comment, """{"error":{"code":"503","message":"x"}}""", 503)]
    [InlineData(Chat, Comment, """{"error":{"code":"server_error","message":"x"}}""", 500)]
    [InlineData(Chat, "data:\n\ndata: {\"id\":\"gen-1\"}\n\n", """{"error":"words"}""", 502)]
    [InlineData("/v1/completions", "\uFEFF", """{"error":{"message":"x","metadata":{"error_type":"context_length_exceeded"}}}""", 400)]
    [InlineData("/v1/responses", Created + InProgress, """{"type":"error","code":"rate_limit_exceeded","message":"x","param":null}""", 429)]
    [InlineData("/v1/responses", Created, """{"type":"response.failed","response":{"status":"failed","error":{"code":"invalid_prompt"},"output":[]}}""", 400)]
    [InlineData("/v1/messages", MessageStart + Ping, Overloaded, 529)]
    [InlineData("/v1/messages", "event: error\n", Overloaded, 529)]
    [InlineData(Chat, "event: error\n", "Internal Server Error", 502)]
    public async Task ErrorAsFirstEvent_IsTheStatusThatItSays(string path, string before, string data, int status)
    {
        foreach (var split in (int[])[0, 1, 7])
        {
            var call = await PostAsync(path, Streaming, $"{before}data: {data}\n\n{Done}", "text/event-stream", $"x-fake-split: {split}");

            Assert.Equal(status, call.Status);
            Assert.Equal(data, call.Body.Text);
            Assert.Equal(RawEnd.Complete, call.Body.End);
            Assert.Equal("application/json", call.Head.Header("Content-Type"));
            Assert.Equal("200", call.Head.Header("x-gateway-upstream-status"));
            Assert.Null(call.Head.Header("x-gateway-error"));
            Assert.DoesNotContain(" OK", call.Head.StatusLine, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task ErrorBehindLargeOpeningEvents_IsTheStatusThatItSays()
    {
        // The events that open a response repeat its instructions and tools.
        var created = Created.Replace("\"output\":[]", $"\"instructions\":\"{new string('i', 100_000)}\"", StringComparison.Ordinal);
        const string Data = """{"type":"error","code":"rate_limit_exceeded","message":"x","param":null}""";

        var (head, answer) = await AskAsync("/v1/responses", "text/event-stream", $"{created}{created}data: {Data}\n\n");

        Assert.Equal((429, Data), (head.Status, answer.Text));
    }

    [Theory]
    [InlineData("""{"error":{"code":402,"message":"Insufficient credits"},"user_id":"u"}""", 402)]
    [InlineData("  \n" + """{"id":"gen-1","error":{"message":"x","error_type":"provider_overloaded"}}""" + "\n", 503)]
    [InlineData("\uFEFF" + """{"id":"gen-1","choices":null,"error":{"code":200}}""", 502)]
    [InlineData("""{"type":"error","error":{"type":"not_found_error","message":"x"},"request_id":null}""", 404)]
    [InlineData("""{"\u0065rror":{"code":404}}""", 404)]
    public async Task JsonThatIsNothingButAnError_IsTheStatusThatItSays(string body, int status)
    {
        foreach (var more in (string[])["x-fake-split: 0", "x-fake-split: 1", "x-fake-chunked: 1"])
        {
            var call = await PostAsync(Chat, """{"model":"m"}""", body, "application/json; charset=utf-8", more);

            Assert.Equal((status, body), (call.Status, call.Body.Text));
            Assert.Equal("application/json; charset=utf-8", call.Head.Header("Content-Type"));
            Assert.Equal("200", call.Head.Header("x-gateway-upstream-status"));
        }
    }

    [Theory]
    [InlineData(Chunk + Done)]
    [InlineData(Comment + "id: 7\r\nretry: 5\r\n\r\n" + Comment + Chunk + """data: {"error":{"code":500}}""" + "\n\n")]
    [InlineData(Created + InProgress + "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\"}\n\n")]
    [InlineData(MessageStart + Ping + "event: content_block_start\ndata: {\"type\":\"content_block_start\"}\n\n")]
    [InlineData(MessageStart + Ping + "event: message_stop\ndata: {\"type\":\"message_stop\"}\n")]
    [InlineData("data: {\"choices\":[],\"error\":null}\n\n")]
    [InlineData("data: not json\n\ndata: {\"error\":{}}\n\n")]
    [InlineData("data: {\"error\":\n\n")]
    [InlineData("data: [DONE]\n\n")]
    [InlineData(Comment)]
    [InlineData("data")]
    [InlineData("")]
    public async Task EveryOtherStream_PassesToTheByte(string stream)
    {
        foreach (var split in (int[])[0, 1, 7])
        {
            var call = await PostAsync(Chat, Streaming, stream, "text/event-stream", $"x-fake-split: {split}");

            Assert.Equal((200, stream), (call.Status, call.Body.Text));
            Assert.Null(call.Head.Header("x-gateway-upstream-status"));
        }
    }

    [Theory]
    [InlineData("""{"choices":[],"error":{"code":500}}""")]
    [InlineData("""{"error":{"code":500},"output":[]}""")]
    [InlineData("""{"error":{"code":500},"data":{}}""")]
    [InlineData("""{"error":null,"results":[]}""")]
    [InlineData("""{"results":{"error":1}}""")]
    [InlineData("""{"error":{"code":500}""")]
    [InlineData("""{"\ud800":1,"error":{"code":500}}""")]
    [InlineData("""["error"]""")]
    [InlineData("  ")]
    [InlineData("")]
    public async Task EveryOtherJson_PassesToTheByte(string body)
    {
        foreach (var split in (int[])[0, 1, 7])
        {
            var call = await PostAsync(Chat, """{"model":"m"}""", body, "application/json", $"x-fake-split: {split}");

            Assert.Equal((200, body), (call.Status, call.Body.Text));
        }
    }

    [Theory]
    [InlineData("application/json", """{"error":{"code":500},"text":"§"}""", 70_000)]
    [InlineData("text/event-stream", "data: {\"error\":{\"code\":500},\"text\":\"§\"}\n\n", 1_100_000)]
    [InlineData("text/event-stream", Comment + ":§\n\ndata: {\"error\":{\"code\":500}}\n\n", 1_100_000)]
    public async Task MoreThanIsHeld_PassesToTheByte(string type, string pattern, int length)
    {
        var body = pattern.Replace("§", new string('x', length), StringComparison.Ordinal);

        var (head, answer) = await AskAsync(Chat, type, body);

        Assert.Equal((200, body), (head.Status, answer.Text));
    }

    /// <summary>The last event of a stream that is cut needs no blank line, if its own line has ended.</summary>
    [Theory]
    [InlineData("data: {\"error\":{\"code\":429}}\n", 429, "{\"error\":{\"code\":429}}")]
    [InlineData("event: message_stop\ndata: {\"type\":\"message_stop\"}\n", 200, "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n")]
    [InlineData("data: [DONE]\r\n", 200, "data: [DONE]\r\n")]
    public async Task CutBehindALine_LeavesItsEvent(string events, int status, string body)
    {
        await using var upstream = ScriptedSocketUpstream.Start(async connection =>
        {
            await connection.ReadRequestAsync();
            await connection.SendAsync("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n");
            await connection.SendChunkAsync(events);
        });
        await using var gateway = await StartAsync(upstream);
        await using var client = await gateway.ConnectAsync();
        await client.PostAsync(Chat, Streaming);
        var (head, answer) = await client.ReadAsync();

        Assert.Equal((status, body, RawEnd.Complete), (head.Status, answer.Text, answer.End));
    }

    [Fact]
    public async Task EncodedAnswer_Passes()
    {
        var call = await PostAsync(Chat, Streaming, "data: {\"error\":{\"code\":500}}\n\n", "text/event-stream", "x-fake-gzip: 1");

        Assert.Equal((200, "gzip"), (call.Status, call.Head.Header("Content-Encoding")));
    }

    [Fact]
    public async Task AnswerThatIsNoPost_Passes()
    {
        var encoded = Convert.ToBase64String("""{"error":{"code":500}}"""u8);
        var call = await _pair.GetAsync("/v1/files/file-1/content", $"x-fake-body-base64: {encoded}");

        Assert.Equal(200, call.Status);
    }

    /// <summary>After the delay the status is out: comments first, then the error as the event that it is.</summary>
    [Fact]
    public async Task ErrorAfterTheDelay_StaysAnEvent()
    {
        var time = new FakeTimeProvider();
        const string Error = "data: {\"error\":{\"code\":429}}\n\n";
        var goOn = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var upstream = ScriptedSocketUpstream.Start(async connection =>
        {
            await connection.ReadRequestAsync();
            await connection.SendAsync("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n");
            await connection.SendChunkAsync(Comment);
            await goOn.Task.GuardAsync();
            await connection.SendChunkAsync(Error);
            await connection.SendAsync("0\r\n\r\n");
        });
        await using var gateway = await GatewayHost.StartAsync(options =>
        {
            options.Upstream = upstream.BaseUrl;
            options.Time = time;
        });
        await using var client = await gateway.ConnectAsync();
        await client.PostAsync(Chat, Streaming);
        var head = client.ReadHeadAsync();
        await time.AdvanceUntilAsync(TimeSpan.FromSeconds(1), () => Task.FromResult(head.IsCompleted), "the head");
        var first = await client.ReadPieceAsync(await head, []);
        Assert.Equal((200, Comment), ((await head).Status, first!.Text));
        goOn.SetResult();

        Assert.Equal(Error, (await client.ReadBodyAsync(await head)).Text);
    }

    [Fact]
    public async Task PassThrough_LeavesTheStatus()
    {
        await using var pair = await GatewayPair.StartAsync(options => options.Settings = ShippedSettings.WithValues(
            ("Upstream:ErrorsInSuccess", "\"PassThrough\"")));
        const string Error = "data: {\"error\":{\"code\":500}}\n\n";

        var stream = await pair.PostAsync(Chat, Streaming, Script(Error, "text/event-stream"));
        var json = await pair.PostAsync(Chat, "{}", "x-fake-body: {\"error\":{\"code\":500}}");

        Assert.Equal((200, Error, 200), (stream.Status, stream.Body.Text, json.Status));
    }

    /// <summary>The scripted upstream's own errors, in every dialect.</summary>
    [Theory]
    [InlineData("chat/completions", false, 502)]
    [InlineData("completions", false, 502)]
    [InlineData("responses", true, 500)]
    [InlineData("messages", true, 500)]
    [InlineData("images", false, 500)]
    public async Task ErrorOfEveryDialect_IsAnErrorStatus(string endpoint, bool opens, int status)
    {
        var after = opens ? 2 : 0;
        var stream = await _pair.PostAsync("/v1/" + endpoint, Streaming, $"x-fake-error-after: {after}", "x-fake-keepalives: 2");

        Assert.Equal((status, "application/json"), (stream.Status, stream.Head.Header("Content-Type")));
        Assert.Contains("Provider", stream.Body.Text, StringComparison.Ordinal);
    }

    /// <summary>The status of the error is the response's for everything behind it: here for another attempt.</summary>
    [Theory]
    [InlineData("text/event-stream", "data: {\"error\":{\"code\":429}}\n\n")]
    [InlineData("application/json", """{"error":{"code":503}}""")]
    public async Task ErrorThatCostsNothing_IsDroppedForAnotherDestination(string type, string body)
    {
        await using var busy = Answering(type, body);
        await using var gateway = await GatewayHost.StartAsync(options => options.Settings = ShippedSettings.With(
            ("ReverseProxy", Destinations.Of(busy.BaseUrl, _pair.Upstream.BaseUrl))));
        await using var client = await gateway.ConnectAsync();
        await client.PostAsync(Chat, Streaming);
        var (head, answer) = await client.ReadAsync();

        Assert.Equal((200, "2"), (head.Status, head.Header("x-gateway-attempts")));
        Assert.EndsWith(Done, answer.Text, StringComparison.Ordinal);
        Assert.Equal(1, busy.Connections);
    }

    /// <summary>The same for charge and ledger.</summary>
    [Theory]
    [InlineData("text/event-stream", Comment + "data: {\"error\":{\"code\":429}}\n\n")]
    [InlineData("application/json", """{"error":{"code":429}}""")]
    public async Task Error_IsChargedByItsStatus(string type, string body)
    {
        await using var team = await TeamGateway.StartAsync(""" "Budget": { "Usd": 1 } """);

        var call = await team.ChatAsync("\"stream\":true", Script(body, type));

        Assert.Equal(429, call.Status);
        var row = await team.RowAsync(row => row.IsClosed);
        Assert.Equal(
            (GenerationState.Settled, 0L, 429L, "Completed"), (row.State, row.CostPico!.Value, row.Status!.Value, row.Ended));
    }

    /// <summary>An opening event may have named the generation: then the error may be billed, and the call is not sent again.</summary>
    [Theory]
    [InlineData("/v1/messages", "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"gen-§\",\"content\":[]}}\n\nevent: error\n", Overloaded)]
    [InlineData(Chat, Comment + "data: {\"id\":\"gen-§\"}\n\n", """{"error":{"code":429}}""")]
    public async Task GenerationNamedBeforeTheError_IsKept(string path, string before, string error)
    {
        var id = "gen-" + path.Length;
        await using var team = await TeamGateway.StartAsync(new TeamGatewayOptions
        {
            Team = """ "Budget": { "Usd": 1 } """,
            Upstream = _pair.Upstream,
            KeepsDestinations = true,
            Sections = [("ReverseProxy", Destinations.Of(_pair.Upstream.BaseUrl, _pair.Upstream.BaseUrl))],
        });
        var body = before.Replace("gen-§", id, StringComparison.Ordinal) + $"data: {error}\n\n";

        var call = await team.PostAsync(
            path, TeamGateway.Body("\"stream\":true"), Script(body, "text/event-stream", "x-fake-no-generation-id: 1"));

        Assert.Equal((error, null), (call.Body.Text, call.Head.Header("x-gateway-attempts")));
        await team.RowAsync(row => row.GenerationId == id, "a row with the generation's id");
    }

    private static ScriptedSocketUpstream Answering(string type, string body) => ScriptedSocketUpstream.Answering(
        $"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: {type}\r\nContent-Length: {Encoding.UTF8.GetByteCount(body)}\r\n\r\n{body}");

    private static string[] Script(string body, string type, params string[] more) =>
    [
        $"x-fake-body-base64: {Convert.ToBase64String(Encoding.UTF8.GetBytes(body))}", $"x-fake-content-type: {type}", .. more,
    ];

    /// <summary>Sends a call to an upstream that answers with a body too large for a script.</summary>
    private static async Task<(RawResponse Head, RawBody Body)> AskAsync(string path, string type, string body)
    {
        await using var upstream = Answering(type, body);
        await using var gateway = await StartAsync(upstream);
        await using var client = await gateway.ConnectAsync();
        await client.PostAsync(path, Streaming);
        return await client.ReadAsync();
    }

    /// <summary>Nothing of the response has gone to the client before its first byte.</summary>
    [Fact]
    public async Task JsonErrorLongBehindTheHeaders_IsTheStatusThatItSays()
    {
        var body = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var upstream = ScriptedSocketUpstream.Start(async connection =>
        {
            await connection.ReadRequestAsync();
            await connection.SendAsync("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n");
            await body.Task;
            await connection.SendAsync("{\"error\":{\"code\":429}}");
        });
        await using var gateway = await GatewayHost.StartAsync(options =>
        {
            options.Upstream = upstream.BaseUrl;
            options.Settings = ShippedSettings.WithValues(("Server:EventStreamHeaderDelay", "\"00:00:00\""));
        });
        await using var client = await gateway.ConnectAsync();
        await client.PostAsync(Chat, """{"model":"m"}""");
        using var other = await gateway.Client.GetAsync("/health", TestContext.Current.CancellationToken);
        body.SetResult();

        Assert.Equal(429, (await client.ReadAsync()).Head.Status);
    }

    /// <summary>Blanks keep a connection alive until the response begins, and only then its time to be decided begins.</summary>
    [Fact]
    public async Task JsonErrorBehindBlanks_HasItsTimeFromItsFirstByteOn()
    {
        FakeTime.SkipWithPublishedProgram();
        var time = new TimerCountingTime(TimeSpan.FromSeconds(3.75));
        var (half, rest) = (new TaskCompletionSource(), new TaskCompletionSource());
        await using var upstream = ScriptedSocketUpstream.Start(async connection =>
        {
            await connection.ReadRequestAsync();
            await connection.SendAsync("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n  ");
            await half.Task;
            await connection.SendAsync("{\"error\":{\"code\":429,");
            await rest.Task;
            await connection.SendAsync("\"message\":\"slow\"}}");
        });
        await using var gateway = await GatewayHost.StartAsync(options =>
        {
            options.Upstream = upstream.BaseUrl;
            options.Time = time;
            options.Settings = ShippedSettings.WithValues(("Server:EventStreamHeaderDelay", "\"00:00:03.75\""));
        });
        await using var client = await gateway.ConnectAsync();
        await client.PostAsync("/v1/chat/completions", """{"model":"m"}""");

        // A wait for the whole time, then another one from the first byte on.
        await Eventually.TrueAsync(() => time.Waits >= 1, "the wait for the response");
        time.Advance(TimeSpan.FromSeconds(3));
        var before = time.Waits;
        half.SetResult();
        await Eventually.TrueAsync(() => time.Waits > before, "the wait for the rest");
        time.Advance(TimeSpan.FromSeconds(3));
        rest.SetResult();

        Assert.Equal(429, (await client.ReadAsync()).Head.Status);
    }

    private Task<Exchange> PostAsync(string path, string request, string body, string type, params string[] more) =>
        _pair.PostAsync(path, request, Script(body, type, more));

    private static Task<GatewayHost> StartAsync(ScriptedSocketUpstream upstream) => GatewayHost.StartAsync(options =>
    {
        options.Upstream = upstream.BaseUrl;
        DecideInAnyTime(options);
    });

    /// <summary>Upstream may take longer than the default for a body of many pieces.</summary>
    private static void DecideInAnyTime(GatewayHostOptions options) =>
        options.Settings = ShippedSettings.WithValues(("Server:EventStreamHeaderDelay", "\"01:00:00\""));

    public sealed class Fixture : GatewayFixture
    {
        private protected override void Configure(GatewayHostOptions options) => DecideInAnyTime(options);
    }
}
