using System.Text;
using FakeOpenRouter;
using Gateway.Billing;
using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.EndToEnd;

/// <summary>
/// Promise: a request that upstream has surely not billed is sent again, on another destination if there is one, and nothing is ever sent
/// twice that may have been processed.
/// </summary>
public sealed class AttemptTests
{
    private const string Chat = "/v1/chat/completions";
    private const string FreeId = "x-fake-no-generation-id: 1";

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task RefusedStream_IsSentAgain(bool isRefused)
    {
        var requests = 0;
        await using var upstream = StartHttp2(async (script, stream) =>
            await (Interlocked.Increment(ref requests) > 2
                ? script.AnswerAsync(stream, """{"id":"gen-h2","choices":[],"usage":{"cost":0.25}}""")
                : isRefused ? script.RefuseAsync(stream) : script.GoAwayAsync()));
        await using var team = await StartOnHttp2Async(upstream.BaseUrl);

        var call = await team.ChatAsync("\"model\":\"test/dollar\"");

        Assert.Equal((200, "3"), (call.Status, call.Head.Header("x-gateway-attempts")));
        Assert.Equal(3, requests);
        var row = await team.RowAsync(row => row.GenerationId == "gen-h2" && row.IsClosed);
        Assert.Equal((GenerationState.Settled, 250_000_000_000L), (row.State, row.CostPico));
        Assert.All(await team.RowsAsync(), other => Assert.True(other == row || other is { State: GenerationState.Settled, CostPico: 0 }));
    }

    [Theory]
    [InlineData(true, 3)]
    [InlineData(false, 3)]
    [InlineData(true, 1)]
    [InlineData(false, 1)]
    public async Task StreamThatIsAlwaysRefused_IsSentAsOftenAsTheSettingsSayAndCostsNothing(bool isRefused, int max)
    {
        var requests = 0;
        await using var upstream = StartHttp2(async (script, stream) =>
        {
            Interlocked.Increment(ref requests);
            await (isRefused ? script.RefuseAsync(stream) : script.GoAwayAsync());
        });
        await using var team = await StartOnHttp2Async(upstream.BaseUrl, ("Upstream", $$"""{ "MaxAttempts": {{max}} }"""));

        var call = await team.ChatAsync("\"model\":\"test/dollar\"");

        call.IsRefused(502);
        Assert.Equal(max, requests);
        Assert.Equal(max > 1 ? "3" : null, call.Head.Header("x-gateway-attempts"));
        Assert.All(await ClosedRowsAsync(team), row => Assert.Equal((GenerationState.Settled, 0L), (row.State, row.CostPico)));
    }

    /// <summary>Headers prove that upstream has processed the request: its REFUSED_STREAM comes too late.</summary>
    /// <remarks>
    /// The stream is refused once the gateway has the headers: if both frames arrive at once, .NET's client may report the refusal alone.
    /// </remarks>
    [Theory]
    [InlineData("text/event-stream")]
    [InlineData("application/json")]
    public async Task StreamThatIsRefusedAfterItsHeaders_IsNotSentAgainAndKeepsItsId(string type)
    {
        FakeTime.SkipWithPublishedProgram();
        var time = new TimerCountingTime(TimeSpan.FromSeconds(3.75));
        var requests = 0;
        await using var upstream = StartHttp2(async (script, stream) =>
        {
            Interlocked.Increment(ref requests);
            await script.BeginAnswerAsync(stream, type, "gen-h2");
            if (type == "application/json")
            {
                await script.SendDataAsync(stream, "{");
            }

            await Eventually.TrueAsync(() => time.Waits > 0, "the wait for the first data");
            await script.RefuseAsync(stream);
        });
        await using var team = await StartOnHttp2Async(upstream.BaseUrl, time, ("Server", """{ "EventStreamHeaderDelay": "00:00:03.75" }"""));

        var call = await team.ChatAsync("\"model\":\"test/dollar\"");

        Assert.Null(call.Head.Header("x-gateway-attempts"));
        await time.AdvanceUntilAsync(
            TimeSpan.FromMilliseconds(10), async () => (await team.RowsAsync()).All(static row => row.State != GenerationState.Reserved), "the end of the call");
        await IsSentOnceAsync(team, requests);
    }

    /// <inheritdoc cref="StreamThatIsRefusedAfterItsHeaders_IsNotSentAgainAndKeepsItsId" />
    [Fact]
    public async Task StreamThatIsRefusedAfterItsFirstByte_IsNotSentAgainAndKeepsItsId()
    {
        var requests = 0;
        var hasHead = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var upstream = StartHttp2(async (script, stream) =>
        {
            Interlocked.Increment(ref requests);
            await script.BeginAnswerAsync(stream, "text/plain", "gen-h2");
            await script.SendDataAsync(stream, "x");
            await hasHead.Task.GuardAsync();
            await script.RefuseAsync(stream);
        });
        await using var team = await StartOnHttp2Async(upstream.BaseUrl);

        await using var client = await team.Gateway.ConnectAsync();
        await client.PostAsync(
            Chat, Encoding.UTF8.GetBytes(TeamGateway.Body("\"model\":\"test/dollar\"")), "x-api-key: " + TeamSetup.Key);
        var head = await client.ReadHeadAsync();
        hasHead.SetResult();

        Assert.Equal((200, null), (head.Status, head.Header("x-gateway-attempts")));
        Assert.NotEqual(RawEnd.Complete, (await client.ReadBodyAsync(head)).End);
        await IsSentOnceAsync(team, requests);
    }

    [Fact]
    public async Task StreamThatAGoAwayIncludes_IsNotSentAgain()
    {
        var requests = 0;
        await using var upstream = ScriptedSocketUpstream.Start(async connection =>
        {
            var script = new Http2Script(connection);
            await script.BeginAsync();
            var stream = await script.ReadRequestAsync();
            while (!script.HasBody)
            {
                // A question of the gateway's own. The connection goes on: a call may be on its way on it.
                await script.AnswerAsync(stream, "{}");
                stream = await script.ReadRequestAsync();
            }

            Interlocked.Increment(ref requests);
            await script.GoAwayAsync(stream);
        });
        await using var team = await StartOnHttp2Async(upstream.BaseUrl);

        (await team.ChatAsync("\"model\":\"test/dollar\"")).IsRefused(502);

        Assert.Equal(1, requests);
        var row = Assert.Single(await ClosedRowsAsync(team));
        Assert.Equal(GenerationState.Unresolvable, row.State);
    }

    [Theory]
    [InlineData(Chat, 100)]
    [InlineData(Chat, 3_000_000)]
    [InlineData("/v1/files", 100_000)]
    public async Task DestinationWithoutAConnection_IsPassedOver(string path, int size)
    {
        await using var alive = await FakeOpenRouterServer.StartAsync();
        await using var gateway = await StartAsync(ScriptedSocketUpstream.RefusingBaseUrl, alive.BaseUrl);
        var body = $$"""{"model":"m","messages":[],"user":"{{new string('x', size)}}"}""";

        var (head, _) = await PostAsync(gateway, path, body);

        Assert.Equal((200, "2"), (head.Status, head.Header("x-gateway-attempts")));
        Assert.Equal(body, alive.Requests.Single.BodyText);
    }

    [Fact]
    public async Task ConnectTimeout_IsA502ThatCostsNothing()
    {
        // It accepts connections and never answers the TLS handshake.
        await using var mute = ScriptedSocketUpstream.Start(static connection => connection.WaitForCloseAsync());
        await using var team = await TeamGateway.StartAsync(new TeamGatewayOptions
        {
            Time = new StandingTime(),
            KeepsDestinations = true,
            HasStoredPrices = true,
            Sections =
            [
                ("ReverseProxy", Destinations.Of($"https://127.0.0.1:{mute.Port}/api/v1")),
                ("Upstream", """{ "ConnectTimeout": "00:00:00.200", "MaxAttempts": 2 }"""),
            ],
        });

        var call = await team.ChatAsync();

        call.IsRefused(502);
        Assert.Equal("upstream_unreachable", call.Json.GetProperty("error").GetProperty("code").GetString());
        Assert.Equal("2", call.Head.Header("x-gateway-attempts"));
        Assert.All(await ClosedRowsAsync(team), row => Assert.Equal((GenerationState.Settled, 0L), (row.State, row.CostPico)));
    }

    [Fact]
    public async Task ClientThatLeavesBeforeAConnection_IsChargedNothing()
    {
        // It accepts connections and never answers the TLS handshake.
        await using var mute = ScriptedSocketUpstream.Start(static connection => connection.WaitForCloseAsync());
        await using var team = await TeamGateway.StartAsync(new TeamGatewayOptions
        {
            Team = """ "Budget": { "Usd": 1 } """,
            Limits = """{ "Prices": [ { "Model": "test/dollar", "Prompt": "0", "Completion": "0", "Request": "1" } ] }""",
            KeepsDestinations = true,
            HasStoredPrices = true,
            Sections =
            [
                ("ReverseProxy", Destinations.Of($"https://127.0.0.1:{mute.Port}/api/v1")),
                ("Upstream", """{ "ConnectTimeout": "00:01:00" }"""),
            ],
        });
        var call = await team.SendAsync("/v1/chat/completions", """{"model":"test/dollar","stream":true,"messages":[]}""");
        await using (call)
        {
            await Eventually.TrueAsync(async () => (await team.RowsAsync()).Count == 1, "the reservation");
            call.Client.Reset();
        }

        Assert.All(
            await ClosedRowsAsync(team),
            row => Assert.Equal((GenerationState.Settled, 0L, "ClientLeft"), (row.State, row.CostPico, row.Ended)));
    }

    [Fact]
    public async Task RequestWithoutABody_IsSentAgain()
    {
        await using var alive = await FakeOpenRouterServer.StartAsync();
        await using var gateway = await StartAsync(ScriptedSocketUpstream.RefusingBaseUrl, alive.BaseUrl);

        using var response = await gateway.Client.GetAsync("/v1/models", TestContext.Current.CancellationToken);

        Assert.Equal(200, (int)response.StatusCode);
        Assert.Equal(1, alive.Requests.Count);
    }

    [Fact]
    public async Task OnlyDestinationWithoutAConnection_Is502AfterAllAttempts()
    {
        await using var gateway = await StartAsync(ScriptedSocketUpstream.RefusingBaseUrl);

        var (head, _) = await PostAsync(gateway);

        Assert.Equal((502, "3", "1"), (head.Status, head.Header("x-gateway-attempts"), head.Header("x-gateway-error")));
    }

    [Fact]
    public async Task OneAnswer_HasNoCountOfAttempts()
    {
        await using var upstream = await FakeOpenRouterServer.StartAsync();
        await using var gateway = await StartAsync(upstream.BaseUrl);

        var (head, _) = await PostAsync(gateway, Chat, "{}", "x-fake-header: X-Gateway-Attempts: 7");

        Assert.Equal((200, null), (head.Status, head.Header("x-gateway-attempts")));
    }

    [Theory]
    [InlineData("x-fake-status: 429")]
    [InlineData("x-fake-status: 503")]
    [InlineData("x-fake-status: 502", "x-fake-gzip: 1")]
    [InlineData("x-fake-status: 521", "x-fake-body: <html>", "x-fake-content-type: text/html")]
    [InlineData("x-fake-status: 429", "x-fake-body: ", "x-fake-content-type: text/plain")]
    [InlineData("x-fake-status: 503", "x-fake-body-base64: ZGF0YTogeyJlcnJvciI6eyJjb2RlIjo1MDN9fQoK", "x-fake-content-type: text/event-stream")]
    [InlineData("x-fake-body-base64: ZGF0YTogeyJpZCI6ImMxIiwiZXJyb3IiOnsiY29kZSI6NTAzfSwiY2hvaWNlcyI6W3siZGVsdGEiOnsiY29udGVudCI6IiJ9LCJmaW5pc2hfcmVhc29uIjoiZXJyb3IifV19CgpkYXRhOiBbRE9ORV0KCg==", "x-fake-content-type: text/event-stream")]
    public async Task FreeFailure_GoesToAnotherDestination(params string[] script)
    {
        await using var one = await FakeOpenRouterServer.StartAsync();
        await using var two = await FakeOpenRouterServer.StartAsync();
        one.Script([.. script, FreeId]);
        await using var gateway = await StartAsync(one.BaseUrl, two.BaseUrl);

        var (head, body) = await PostAsync(gateway, Chat, """{"model":"m","messages":[]}""");

        Assert.Equal((200, "2"), (head.Status, head.Header("x-gateway-attempts")));
        Assert.Contains("chat.completion", body.Text, StringComparison.Ordinal);
        Assert.Equal((1, 1), (one.Requests.Count, two.Requests.Count));
        Assert.Equal(one.Requests.Single.BodyText, two.Requests.Single.BodyText);
    }

    [Theory]
    [InlineData("x-fake-status: 500", "x-fake-body: <html>", "x-fake-content-type: text/html", FreeId)]
    [InlineData("x-fake-status: 524", "x-fake-body: <html>", "x-fake-content-type: text/html", FreeId)]
    [InlineData("x-fake-status: 503", "x-fake-body: {\"choices\":[],\"error\":{}}", FreeId)]
    [InlineData("x-fake-status: 503", "x-fake-body: {\"id\":\"gen-1\",\"error\":{}}", FreeId)]
    [InlineData("x-fake-status: 529", "x-fake-body: {\"type\":\"error\",\"error\":{},\"request_id\":\"gen-1\"}", FreeId)]
    [InlineData("x-fake-status: 503", "x-fake-body-base64: ZGF0YTogeyJpZCI6Imdlbi0xIiwiZXJyb3IiOnsiY29kZSI6NTAzfX0KCg==", "x-fake-content-type: text/event-stream", FreeId)]
    [InlineData("x-fake-body-base64: ZGF0YTogeyJlcnJvciI6eyJjb2RlIjo1MDN9fQoKZGF0YTogeyJpZCI6ImMxIiwiY2hvaWNlcyI6W10sInVzYWdlIjp7ImNvc3QiOjAuMDF9fQoKZGF0YTogW0RPTkVdCgo=", "x-fake-content-type: text/event-stream", FreeId)]
    [InlineData("x-fake-status: 503", "x-fake-size: 300000", "x-fake-no-usage: 1")]
    [InlineData("x-fake-status: 429")]
    [InlineData("x-fake-status: 400", FreeId)]
    [InlineData("x-fake-status: 404", FreeId)]
    [InlineData("x-fake-close: 1")]
    [InlineData("x-fake-cut-at-byte: 0", FreeId)]
    [InlineData("x-fake-error: 1", FreeId)]
    public async Task WhatMayHaveBeenProcessed_IsNeverSentTwice(params string[] script)
    {
        await using var one = await FakeOpenRouterServer.StartAsync();
        await using var two = await FakeOpenRouterServer.StartAsync();
        one.Script(script);
        await using var gateway = await StartAsync(one.BaseUrl, two.BaseUrl);

        var (head, _) = await PostAsync(gateway, Chat, """{"model":"m","messages":[]}""");

        Assert.Null(head.Header("x-gateway-attempts"));
        Assert.Equal((1, 0), (one.Requests.Count, two.Requests.Count));
    }

    /// <summary>Upstream may have processed a stream that it resets with any code but REFUSED_STREAM.</summary>
    [Theory]
    [InlineData(2)]
    [InlineData(8)]
    [InlineData(11)]
    public async Task StreamThatIsReset_IsNeverSentTwice(byte code)
    {
        var (ones, twos) = (0, 0);
        await using var one = StartHttp2((script, stream) =>
        {
            Interlocked.Increment(ref ones);
            return script.ResetAsync(stream, code);
        });
        await using var two = StartHttp2((script, stream) =>
        {
            Interlocked.Increment(ref twos);
            return script.AnswerAsync(stream, "{}");
        });
        await using var gateway = await GatewayHost.StartAsync(options =>
        {
            options.Time = new StandingTime();
            options.Settings = ShippedSettings.With(("ReverseProxy", Destinations.Of([one.BaseUrl, two.BaseUrl], Destinations.OnHttp2)));
        });

        var (head, _) = await PostAsync(gateway, Chat, """{"model":"m","messages":[]}""");

        Assert.Equal((502, null), (head.Status, head.Header("x-gateway-attempts")));
        Assert.Equal((1, 0), (ones, twos));
    }

    [Theory]
    [InlineData("Upstream:TotalTimeout", "{}")]
    [InlineData("Upstream:FirstEventTimeout", """{"stream":true}""")]
    public async Task RequestThatATimeLimitEnds_IsNeverSentTwice(string setting, string body)
    {
        FakeTime.SkipWithPublishedProgram();
        var time = FakeTime.StartNow();
        await using var one = await FakeOpenRouterServer.StartAsync();
        await using var two = await FakeOpenRouterServer.StartAsync();
        one.Script("x-fake-delay-ms: 86400000");
        await using var gateway = await GatewayHost.StartAsync(options =>
        {
            options.Time = time;
            options.Settings = ShippedSettings.WithValues(
                ("ReverseProxy", Destinations.Of([one.BaseUrl, two.BaseUrl], """, "HttpRequest": { "ActivityTimeout": "01:00:00" } """)),
                (setting, "\"00:00:02\""));
        });

        var answering = PostAsync(gateway, Chat, body);
        await one.Requests.WaitForAsync(static request => request.BodyComplete);
        await time.AdvanceUntilAsync(TimeSpan.FromSeconds(1), () => Task.FromResult(answering.IsCompleted), "the answer");
        var (head, _) = await answering;

        Assert.Equal((504, null), (head.Status, head.Header("x-gateway-attempts")));
        Assert.Equal((1, 0), (one.Requests.Count, two.Requests.Count));
    }

    /// <summary>Each attempt takes six seconds: after two of them, only a destination that was not tried yet is.</summary>
    [Theory]
    [InlineData(false, 502)]
    [InlineData(true, 200)]
    public async Task AttemptAfterTenSeconds_GoesToAnotherDestinationOnly(bool hasAnother, int status)
    {
        FakeTime.SkipWithPublishedProgram();
        var time = FakeTime.StartNow();
        await using var alive = await FakeOpenRouterServer.StartAsync();

        // It ends each connection in the TLS handshake, so no request reaches it.
        await using var slow = ScriptedSocketUpstream.Start(async connection =>
        {
            await connection.ReadExactlyAsync(1);
            time.Advance(TimeSpan.FromSeconds(hasAnother ? 12 : 6));
        });
        var address = $"https://127.0.0.1:{slow.Port}/api/v1";
        await using var gateway = await GatewayHost.StartAsync(options =>
        {
            options.Time = time;
            options.Settings = ShippedSettings.With(
                ("ReverseProxy", hasAnother ? Destinations.Of(address, alive.BaseUrl) : Destinations.Of(address)));
        });

        var (head, _) = await PostAsync(gateway);

        Assert.Equal((status, "2"), (head.Status, head.Header("x-gateway-attempts")));
    }

    [Fact]
    public async Task ResponseThatIsNotDropped_PassesToTheByte()
    {
        // Its body is read for the decision, up to 64 KB.
        var page = "{\"error\":{},\"choices\":[\"" + new string('x', 100_000) + "\"]}";
        await using var one = await FakeOpenRouterServer.StartAsync();
        one.Script("x-fake-status: 503", $"x-fake-body: {page}", "x-fake-header: Retry-After: 7", "x-fake-split: 1000", FreeId);
        await using var gateway = await StartAsync(one.BaseUrl, one.BaseUrl);

        var (head, body) = await PostAsync(gateway);

        Assert.Equal((503, "7", page), (head.Status, head.Header("Retry-After"), body.Text));
        Assert.Equal(RawEnd.Complete, body.End);
    }

    [Fact]
    public async Task LastFailure_ReachesTheClientAsItIs()
    {
        await using var one = await FakeOpenRouterServer.StartAsync();
        await using var two = await FakeOpenRouterServer.StartAsync();
        one.Script("x-fake-status: 429", "x-fake-header: Retry-After: 1", "x-fake-header-2: X-Of-One: 1", FreeId);
        two.Script("x-fake-status: 503", "x-fake-header: Retry-After: 2", FreeId);
        await using var gateway = await StartAsync(one.BaseUrl, two.BaseUrl);

        var (head, body) = await PostAsync(gateway);

        Assert.Equal((503, "2", null), (head.Status, head.Header("Retry-After"), head.Header("X-Of-One")));
        Assert.Equal("2", head.Header("x-gateway-attempts"));
        Assert.Contains("Scripted error 503", body.Text, StringComparison.Ordinal);
        Assert.Null(head.Header("x-gateway-error"));
    }

    [Fact]
    public async Task OnlyDestination_IsNotAskedAgainAfterAnAnswer()
    {
        await using var one = await FakeOpenRouterServer.StartAsync();
        one.Script("x-fake-status: 429", FreeId);
        await using var gateway = await StartAsync(one.BaseUrl);

        Assert.Equal(429, (await PostAsync(gateway)).Head.Status);
        Assert.Equal(1, one.Requests.Count);
    }

    [Theory]
    [InlineData(0, 100)]
    [InlineData(200_000, 300_000)]
    public async Task BodyThatIsNotKept_IsNotSentAgainAfterAnAnswer(int kept, int size)
    {
        await using var one = await FakeOpenRouterServer.StartAsync();
        await using var two = await FakeOpenRouterServer.StartAsync();
        one.Script("x-fake-status: 429", FreeId);
        await using var gateway = await GatewayHost.StartAsync(options => options.Settings = ShippedSettings.With(
            ("ReverseProxy", Destinations.Of(one.BaseUrl, two.BaseUrl)), ("Upstream", $$"""{ "MaxRetriedBodySize": {{kept}} }""")));

        var (head, _) = await PostAsync(gateway, Chat, $$"""{"model":"m","user":"{{new string('x', size)}}"}""");

        Assert.Equal((429, 1, 0), (head.Status, one.Requests.Count, two.Requests.Count));
    }

    [Fact]
    public async Task EachAttemptOfATeam_IsACallOfItsOwn()
    {
        await using var one = await FakeOpenRouterServer.StartAsync(new FakeOpenRouterOptions { Seed = 1111111111 });
        await using var two = await FakeOpenRouterServer.StartAsync(new FakeOpenRouterOptions { Seed = 2222222222 });
        await using var team = await TeamGateway.StartAsync(new TeamGatewayOptions
        {
            Team = """ "Budget": { "Usd": 1 }, "Limits": { "RequestsPerMinute": 2, "TokensPerMinute": 1000000, "ConcurrentRequests": 1 } """,
            Upstream = two,
            KeepsDestinations = true,
            Sections = [("ReverseProxy", Destinations.Of(one.BaseUrl, two.BaseUrl))],
        });
        one.Script("x-fake-status: 429", FreeId);

        // A limit of two requests and of one at a time admits two: attempts do not count.
        for (var i = 0; i < 2; i++)
        {
            await using var client = await team.Gateway.ConnectAsync();
            await client.PostAsync(Chat, Encoding.UTF8.GetBytes(TeamGateway.Body()), "x-api-key: " + TeamSetup.Key);
            var (head, _) = await client.ReadAsync();
            Assert.Equal((200, "2", "2"), (head.Status, head.Header("x-gateway-attempts"), head.Header("x-ratelimit-limit-requests")));
        }

        var bills = two.Book.Entries;
        Assert.Equal(2, bills.Count);
        foreach (var bill in bills)
        {
            Assert.Equal((long)bill.Cost, (await team.ClosedRowAsync(bill)).CostPico);
        }

        var rows = await ClosedRowsAsync(team);
        Assert.Equal(4, rows.Count);
        Assert.All(
            rows.Where(row => row.Status == 429),
            row => Assert.Equal((GenerationState.Settled, 0L, "Dropped"), (row.State, row.CostPico, row.Ended)));
        Assert.Equal(2, rows.Count(row => row.Status == 429));
    }

    [Fact]
    public async Task LogAndMetrics_SayHowOftenARequestWasSent()
    {
        await using var upstream = await FakeOpenRouterServer.StartAsync();
        await using var gateway = await GatewayHost.StartAsync(options =>
        {
            options.HasLog = true;
            options.Settings = ShippedSettings.With(
                ("ReverseProxy", Destinations.Of(ScriptedSocketUpstream.RefusingBaseUrl, upstream.BaseUrl)),
                ("Admin", """{ "Url": "http://127.0.0.1:0" }"""));
        });
        using var admin = await gateway.AdminClientAsync();

        await PostAsync(gateway);

        await gateway.Log.WaitForAsync(
            static line => line.Contains("\"Attempts\":2", StringComparison.Ordinal) && line.Contains("\"Destination\":\"b\"", StringComparison.Ordinal),
            "the request's line");
        Assert.Matches(
            "gateway_attempts_repeated_total\\{[^}]*destination=\"a\"[^}]*reason=\"no_connection\"[^}]*\\} 1",
            await admin.GetStringAsync("/metrics", TestContext.Current.CancellationToken));
    }

    // The attempts of a call have ten seconds, which the clock of a slow machine might not leave them.
    private static Task<GatewayHost> StartAsync(params string[] addresses) => GatewayHost.StartAsync(options =>
    {
        options.Time = new StandingTime();
        options.Settings = ShippedSettings.With(("ReverseProxy", Destinations.Of(addresses)));
    });

    private static async Task<(RawResponse Head, RawBody Body)> PostAsync(
        GatewayHost gateway, string path = Chat, string body = "{}", params string[] lines)
    {
        await using var client = await gateway.ConnectAsync();
        await client.PostAsync(path, body, lines);
        return await client.ReadAsync();
    }

    private static ScriptedSocketUpstream StartHttp2(Func<Http2Script, int, Task> answer) => ScriptedSocketUpstream.Start(async connection =>
    {
        var script = new Http2Script(connection);
        await script.BeginAsync();
        while (true)
        {
            var stream = await script.ReadRequestAsync();
            await (script.HasBody ? answer(script, stream) : script.AnswerAsync(stream, "{}"));
        }
    });

    private static Task<TeamGateway> StartOnHttp2Async(string url, params (string Name, string Json)[] sections) =>
        StartOnHttp2Async(url, new StandingTime(), sections);

    private static Task<TeamGateway> StartOnHttp2Async(string url, TimeProvider time, params (string Name, string Json)[] sections) =>
        TeamGateway.StartAsync(new TeamGatewayOptions
        {
            Time = time,
            Team = """ "Budget": { "Usd": 1 } """,
            Limits = """{ "Prices": [ { "Model": "test/dollar", "Prompt": "0", "Completion": "0", "Request": "1" } ] }""",
            Sections =
            [
                ("ReverseProxy", Destinations.Section(
                    Destinations.OnHttp2,
                    ("a", $$"""{ "Address": "{{url}}" }"""))),
                .. sections,
            ],
            KeepsDestinations = true,
            HasStoredPrices = true,
        });

    private static async Task IsSentOnceAsync(TeamGateway team, int requests)
    {
        Assert.Equal(1, requests);
        var row = await team.RowAsync(static row => row.State != GenerationState.Reserved, "the end of the call");
        Assert.Equal((GenerationState.Provisional, "gen-h2"), (row.State, row.GenerationId));
        Assert.Single(await team.RowsAsync());
    }

    private static async Task<IReadOnlyList<LedgerRow>> ClosedRowsAsync(TeamGateway team)
    {
        IReadOnlyList<LedgerRow> rows = [];
        await Eventually.TrueAsync(
            async () => (rows = await team.RowsAsync()).Count > 0 && rows.All(row => row.IsClosed), "closed rows");
        return rows;
    }
}
