using System.Net.Sockets;
using System.Threading.Channels;
using Gateway.Tests.Support;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Gateway.Tests.EndToEnd;

/// <summary>
/// Promise: an event stream without progress ends in time. Comments, <c>ping</c> events and blank data are no progress. Before the status went
/// out it is a 504 that no SDK repeats, afterwards the dialect's error event.
/// </summary>
public sealed class StreamTimeoutTests
{
    private const string Streaming = """{"model":"m","stream":true}""";
    private const string Chunk = "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n";
    private const string Delta = "event: content_block_delta\ndata: {\"type\":\"content_block_delta\"}\n\n";
    private const string Ping = "event: ping\ndata: {\"type\": \"ping\"}\n\n";
    private const string Comment = ": OPENROUTER PROCESSING\n\n";
    private const string EventTimeout = "Upstream:EventTimeout";
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);

    [Theory]
    [InlineData("/v1/chat/completions", Chunk, Comment, EventTimeout)]
    [InlineData("/v1/chat/completions", Chunk, "data:\n\ndata:  \n\n", EventTimeout)]
    [InlineData("/v1/chat/completions", Chunk, Comment, "ReverseProxy:Clusters:openrouter:HttpRequest:ActivityTimeout")]
    [InlineData("/v1/messages", Delta, Ping, EventTimeout)]
    [InlineData("/v1/messages", Delta, "data: {\"type\":\"ping\"}\n\n", EventTimeout)]
    [InlineData("/v1/responses", "data: {\"type\":\"response.output_text.delta\"}\n\n", Comment, EventTimeout)]
    [InlineData("/v1/completions", "data: {\"choices\":[{\"text\":\"a\"}]}\n\n", Comment, EventTimeout)]
    [InlineData("/v1/chat/completions", Chunk, Chunk, "Upstream:TotalTimeout")]
    public async Task StreamWithoutProgress_EndsWithAnErrorEvent(string path, string data, string keepAlive, string setting)
    {
        var limit = TimeSpan.FromMinutes(10);
        await using var run = await Run.StartAsync((setting, $"\"{limit}\""));
        run.Send(data);
        await run.Client.PostAsync(path, Streaming);
        var head = await run.Client.ReadHeadAsync();
        await run.Client.ReadPieceAsync(head, []);

        // Once these bytes have passed, the gateway has begun to wait for the next data.
        run.Send(keepAlive);
        await run.Client.ReadPieceAsync(head, []);

        await run.HasEndedAfterAsync(path, limit, keepAlive, head);
    }

    [Fact]
    public async Task StreamWithoutAFirstEvent_EndsWithAnErrorEvent()
    {
        // The clock that brings the headers comes nowhere near a limit of hours.
        var limit = TimeSpan.FromHours(10);
        await using var run = await Run.StartAsync(("Upstream:FirstEventTimeout", $"\"{limit}\""));
        run.Send(Comment);
        await run.Client.PostAsync("/v1/chat/completions", Streaming);
        var reading = run.Client.ReadHeadAsync();
        await run.Time.AdvanceUntilAsync(Second / 2, () => Task.FromResult(reading.IsCompleted), "the head");
        var head = await reading;
        await run.Client.ReadPieceAsync(head, []);

        await run.HasEndedAfterAsync("/v1/chat/completions", limit, Comment, head);
    }

    [Theory]
    [InlineData("/v1/chat/completions", "Upstream:FirstEventTimeout", true)]
    [InlineData("/v1/chat/completions", "Upstream:FirstEventTimeout", false)]
    [InlineData("/v1/messages", "Upstream:FirstEventTimeout", true)]
    [InlineData("/v1/responses", "Upstream:TotalTimeout", true)]
    [InlineData("/v1/chat/completions", "Upstream:TotalTimeout", false)]
    public async Task StreamWithoutProgressBeforeItsStatus_Is504(string path, string setting, bool hasHead)
    {
        await using var run = await Run.StartAsync((setting, "\"00:00:02\""), hasHead);
        await run.Client.PostAsync(path, Streaming);
        var reading = run.Client.ReadAsync();
        await run.HasRequest.GuardAsync();
        await run.Time.AdvanceUntilAsync(Second, () => Task.FromResult(reading.IsCompleted), "the answer");
        var (head, body) = await reading;

        var call = new Exchange(head, body, null);
        Assert.Equal("false", head.Header("x-should-retry"));
        if (path == "/v1/messages")
        {
            call.IsRefusedInMessagesDialect(504);
        }
        else
        {
            call.IsRefused(504);
        }
    }

    /// <summary>The limits hold while the request's body is on its way and upstream has stopped reading.</summary>
    [Theory]
    [InlineData("Upstream:TotalTimeout")]
    [InlineData("Upstream:FirstEventTimeout")]
    public async Task LimitDuringTheRequestsBody_Is504(string setting)
    {
        var time = new FakeTimeProvider();
        var hasHead = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var upstream = ScriptedSocketUpstream.Start(async connection =>
        {
            await connection.ReadHeadAsync();
            hasHead.SetResult();
            await new TaskCompletionSource().Task.WaitAsync(connection.Stopping);
        });
        await using var gateway = await GatewayHost.StartAsync(options =>
        {
            options.Upstream = upstream.BaseUrl;
            options.Time = time;
            options.Settings = ShippedSettings.WithValues((setting, "\"00:00:02\""));
        });
        await using var client = await gateway.ConnectAsync();
        await client.PostAsync("/v1/chat/completions", $$"""{"model":"m","stream":true,"user":"{{new string('x', 16_000_000)}}"}""");
        var reading = client.ReadHeadAsync();
        await hasHead.Task.GuardAsync();
        time.Advance(2 * Second);
        var head = await reading;

        Assert.Equal((504, "false"), (head.Status, head.Header("x-should-retry")));
    }

    [Fact]
    public async Task StreamWithProgress_MayLast()
    {
        await using var run = await Run.StartAsync((EventTimeout, "\"00:00:10\""));
        run.Send(Chunk);
        await run.Client.PostAsync("/v1/chat/completions", Streaming);
        var head = await run.Client.ReadHeadAsync();
        List<RawPiece> pieces = [(await run.Client.ReadPieceAsync(head, []))!];
        for (var i = 0; i < 10; i++)
        {
            run.Time.Advance(TimeSpan.FromSeconds(9));
            run.Send(Comment + Chunk);
            pieces.Add((await run.Client.ReadPieceAsync(head, pieces))!);
            Assert.Equal(Comment + Chunk, pieces[^1].Text);
        }

        run.End();
        Assert.Equal(RawEnd.Complete, (await run.Client.ReadBodyAsync(head)).End);
    }

    [Fact]
    public async Task CallThatDoesNotStream_HasNoFirstEvent()
    {
        await using var run = await Run.StartAsync(("Upstream:FirstEventTimeout", "\"00:00:02\""), type: "application/json");
        await run.Client.PostAsync("/v1/chat/completions", """{"model":"m"}""");
        var reading = run.Client.ReadAsync();
        await run.HasRequest.GuardAsync();
        run.Time.Advance(TimeSpan.FromMinutes(1));
        run.Send("""{"choices":[]}""");
        run.End();

        Assert.Equal("""{"choices":[]}""", (await reading).Body.Text);
    }

    [Fact]
    public async Task ResponseThatIsNotHeld_EndsAfterTheTotalTimeout()
    {
        await using var run = await Run.StartAsync(("Upstream:TotalTimeout", "\"00:10:00\""), type: "text/plain");
        run.Send("x");
        await run.Client.PostAsync("/v1/chat/completions", """{"model":"m"}""");
        var head = await run.Client.ReadHeadAsync();
        var ending = run.Client.ReadBodyAsync(head);
        await run.Time.AdvanceUntilAsync(TimeSpan.FromMinutes(1), () => Task.FromResult(ending.IsCompleted), "the end");

        Assert.Equal((200, "x"), (head.Status, (await ending).Text));
        Assert.NotEqual(RawEnd.Complete, (await ending).End);
    }

    [Fact]
    public async Task JsonThatNeverBegins_EndsAfterTheTotalTimeout()
    {
        await using var run = await Run.StartAsync(("Upstream:TotalTimeout", "\"10:00:00\""), type: "application/json");
        run.Send(" ");
        await run.Client.PostAsync("/v1/chat/completions", """{"model":"m"}""");
        var reading = run.Client.ReadHeadAsync();
        await run.Time.AdvanceUntilAsync(Second / 2, () => Task.FromResult(reading.IsCompleted), "the head");
        var ending = run.Client.ReadBodyAsync(await reading);
        await run.Time.AdvanceUntilAsync(TimeSpan.FromHours(1), () => Task.FromResult(ending.IsCompleted), "the end");

        Assert.Equal((200, " "), ((await reading).Status, (await ending).Text));
        Assert.NotEqual(RawEnd.Complete, (await ending).End);
    }

    [Fact]
    public async Task JsonWithoutAByte_Is504AfterTheTotalTimeout()
    {
        await using var run = await Run.StartAsync(("Upstream:TotalTimeout", "\"10:00:00\""), type: "application/json");
        await run.Client.PostAsync("/v1/chat/completions", """{"model":"m"}""");
        var reading = run.Client.ReadHeadAsync();
        await run.HasRequest.GuardAsync();
        await run.Time.AdvanceUntilAsync(TimeSpan.FromHours(1), () => Task.FromResult(reading.IsCompleted), "the head");

        Assert.Equal(504, (await reading).Status);
    }

    /// <summary>The limit counts from the sending, also while the client still sends a body that passes unread.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task SlowUploadThatPasses_EndsAfterTheTotalTimeout(bool hasLength)
    {
        FakeTime.SkipWithPublishedProgram();
        var time = new FakeTimeProvider();
        var received = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var left = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var upstream = ScriptedSocketUpstream.Start(async connection =>
        {
            await connection.ReadHeadAsync();
            received.TrySetResult();
            await connection.WaitForCloseAsync();
            left.TrySetResult();
        });
        await using var gateway = await GatewayHost.StartAsync(options =>
        {
            options.Upstream = upstream.BaseUrl;
            options.Time = time;
            options.Settings = ShippedSettings.WithValues(("Upstream:TotalTimeout", "\"00:10:00\""));
        });
        await using var client = await gateway.ConnectAsync();
        var length = hasLength ? "Content-Length: 100000" : "Transfer-Encoding: chunked";
        await client.SendAsync($"POST /v1/files HTTP/1.1\r\nHost: {client.Authority}\r\nAuthorization: Bearer sk-or-v1-caller\r\n{length}\r\n\r\n");
        await client.SendAsync(hasLength ? "x" : "1\r\nx\r\n");
        await received.Task.GuardAsync();

        var reading = client.ReadHeadAsync();
        await time.AdvanceUntilAsync(Second * 30, () => Task.FromResult(reading.IsCompleted), "the head");

        Assert.Equal(504, (await reading).Status);
        await left.Task.GuardAsync();
    }

    /// <summary>Also while the gateway waits for a client that does not read: no read of upstream's response is pending.</summary>
    [Theory]
    [InlineData("text/event-stream", Chunk, Chunk)]
    [InlineData("application/json", "{\"choices\":[]}", " ")]
    public async Task ClientThatDoesNotRead_HoldsUpstreamNoLongerThanTheTotalTimeout(string type, string begin, string more)
    {
        FakeTime.SkipWithPublishedProgram();
        var time = new FakeTimeProvider();
        var left = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var upstream = ScriptedSocketUpstream.Start(async connection =>
        {
            await connection.ReadRequestAsync();
            await connection.SendAsync($"HTTP/1.1 200 OK\r\nContent-Type: {type}\r\nTransfer-Encoding: chunked\r\n\r\n");
            try
            {
                await connection.SendChunkAsync(begin);
                var part = string.Concat(Enumerable.Repeat(more, 100_000 / more.Length));
                while (true)
                {
                    await connection.SendChunkAsync(part);
                }
            }
            catch (Exception closed) when (closed is IOException or SocketException)
            {
                left.SetResult();
            }
        });
        await using var gateway = await GatewayHost.StartAsync(options =>
        {
            options.Upstream = upstream.BaseUrl;
            options.Time = time;
            options.HasLog = true;
            options.Settings = ShippedSettings.WithValues(("Upstream:TotalTimeout", "\"00:10:00\""));
        });
        await using var client = await gateway.ConnectAsync();
        await client.PostAsync("/v1/chat/completions", Streaming);
        await client.ReadHeadAsync();

        await time.AdvanceUntilAsync(Second * 30, () => Task.FromResult(left.Task.IsCompleted), "the end of upstream's connection");
        await gateway.Log.WaitForAsync(line => line.Contains("UpstreamTimedOut", StringComparison.Ordinal), "the line of the request");
    }

    /// <summary>A call that upstream has not taken may be repeated.</summary>
    [Fact]
    public async Task TimeThatEndsBeforeTheRequestIsSent_LetsTheClientRepeatIt()
    {
        // It accepts connections and never answers the TLS handshake.
        await using var mute = ScriptedSocketUpstream.Start(static connection => connection.WaitForCloseAsync());
        await using var gateway = await GatewayHost.StartAsync(options => options.Settings = ShippedSettings.With(
            ("ReverseProxy", Destinations.Of($"https://127.0.0.1:{mute.Port}/api/v1")),
            ("Upstream", """{ "ConnectTimeout": "00:01:00", "TotalTimeout": "00:00:01" }""")));
        await using var client = await gateway.ConnectAsync();

        await client.PostAsync("/v1/chat/completions", Streaming);
        var (head, body) = await client.ReadAsync();

        Assert.Equal(504, head.Status);
        Assert.Contains("\"code\":\"upstream_timeout\"", body.Text, StringComparison.Ordinal);
        Assert.Null(head.Header("x-should-retry"));
    }

    /// <summary>A gateway whose clock the test drives, a client, and an upstream that sends the parts that the test gives it.</summary>
    private sealed class Run : IAsyncDisposable
    {
        private readonly Channel<string> _parts = Channel.CreateUnbounded<string>();
        private readonly TaskCompletionSource _hasRequest = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private ScriptedSocketUpstream _upstream = null!;
        private GatewayHost _gateway = null!;

        public FakeTimeProvider Time { get; } = new();

        public RawHttpClient Client { get; private set; } = null!;

        public Task HasRequest => _hasRequest.Task;

        public static async Task<Run> StartAsync((string, string) setting, bool hasHead = true, string type = "text/event-stream")
        {
            FakeTime.SkipWithPublishedProgram();
            var run = new Run();
            run._upstream = ScriptedSocketUpstream.Start(async connection =>
            {
                await connection.ReadRequestAsync();
                if (hasHead)
                {
                    await connection.SendAsync($"HTTP/1.1 200 OK\r\nContent-Type: {type}\r\nTransfer-Encoding: chunked\r\n\r\n");
                }

                run._hasRequest.SetResult();
                await foreach (var part in run._parts.Reader.ReadAllAsync(connection.Stopping))
                {
                    await connection.SendChunkAsync(part);
                }

                await connection.SendAsync("0\r\n\r\n");
            });
            run._gateway = await GatewayHost.StartAsync(options =>
            {
                options.Upstream = run._upstream.BaseUrl;
                options.Time = run.Time;
                options.Settings = ShippedSettings.WithValues(setting);
            });
            run.Client = await run._gateway.ConnectAsync();
            return run;
        }

        public void Send(string part) => _parts.Writer.TryWrite(part);

        public void End() => _parts.Writer.Complete();

        /// <summary>Lets a limit pass in ten steps, with keep-alives that pass, and reads the error event and the end after it.</summary>
        public async Task HasEndedAfterAsync(string path, TimeSpan limit, string keepAlive, RawResponse head)
        {
            for (var step = 1; step < 10; step++)
            {
                Send(keepAlive);
                Time.Advance(limit / 10);
                Assert.Equal(keepAlive, (await Client.ReadPieceAsync(head, []))!.Text);
            }

            // The clock stands until the event has come: the gateway aborts a response that does not end in time after its limit.
            Send(keepAlive);
            Time.Advance(limit / 10);
            RawPiece? piece;
            do
            {
                piece = await Client.ReadPieceAsync(head, []);
                Assert.NotNull(piece);
            }
            while (!piece.Text.Contains("too long", StringComparison.Ordinal));

            SseEvents.IsErrorOf(path["/v1/".Length..], SseEvents.Parse(piece.Text)[^1]);
            var ending = Client.ReadBodyAsync(head);
            await Time.AdvanceUntilAsync(Second, () => Task.FromResult(ending.IsCompleted), "the end");
            Assert.NotEqual(RawEnd.Complete, (await ending).End);
        }

        public async ValueTask DisposeAsync()
        {
            await Client.DisposeAsync();
            await _gateway.DisposeAsync();
            await _upstream.DisposeAsync();
        }
    }
}
