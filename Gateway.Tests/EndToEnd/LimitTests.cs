using System.Globalization;
using FakeOpenRouter;
using Gateway.Billing;
using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.EndToEnd;

/// <summary>Promise: a team's limits hold, are stated in the form that clients know, and count every call of every team.</summary>
public sealed class LimitTests
{
    private const string OneAtATime = """ "Limits": { "ConcurrentRequests": 1 } """;

    /// <summary>The job that <see cref="OrderJobAsync"/> orders.</summary>
    private const string OwnJob = "/v1/videos/job-1";

    [Theory]
    [InlineData("/v1/chat/completions")]
    [InlineData("/v1/messages")]
    public async Task RequestsAMinute_AreRefusedInTheRoutesDialect(string path)
    {
        await using var team = await StartAsync(""" "Limits": { "RequestsPerMinute": 2 } """);
        var first = await team.PostAsync(path, TeamGateway.Body());
        Assert.Equal(200, first.Status);
        Assert.Equal("2", first.Head.Header("x-ratelimit-limit-requests"));
        Assert.Equal("1", first.Head.Header("x-ratelimit-remaining-requests"));
        Assert.NotEmpty(first.Head.Header("x-ratelimit-reset-requests")!);
        Assert.Null(first.Head.Header("x-ratelimit-limit-tokens"));
        Assert.Null(first.Head.Header("Retry-After"));
        Assert.Equal("0", (await team.PostAsync(path, TeamGateway.Body())).Head.Header("x-ratelimit-remaining-requests"));

        var refused = await team.PostAsync(path, TeamGateway.Body());

        if (path == "/v1/messages")
        {
            refused.IsRefusedInMessagesDialect(429);
            Assert.Equal("rate_limit_error", refused.Json.GetProperty("error").GetProperty("type").GetString());
        }
        else
        {
            refused.IsRefused(429);
            Assert.Equal("rate_limit_exceeded", CodeOf(refused));
        }

        Assert.Equal("2", refused.Head.Header("x-ratelimit-limit-requests"));
        Assert.Equal("0", refused.Head.Header("x-ratelimit-remaining-requests"));
        Assert.InRange(int.Parse(refused.Head.Header("Retry-After")!, CultureInfo.InvariantCulture), 1, 30);
        Assert.Null(refused.Upstream);
    }

    [Fact]
    public async Task CatalogueCalls_CountAsRequestsAndCostNoTokens()
    {
        await using var team = await StartAsync(
            """ "Limits": { "RequestsPerMinute": 3, "TokensPerMinute": 10000, "ConcurrentRequests": 1 } """);

        var first = await GetAsync(team, "/v1/models");
        Assert.Equal(200, first.Status);
        Assert.Equal("2", first.Header("x-ratelimit-remaining-requests"));
        Assert.Null(first.Header("x-ratelimit-remaining-tokens"));
        Assert.Equal(200, (await team.PostAsync("/v1/messages/count_tokens", TeamGateway.Body())).Status);
        Assert.Equal(200, (await GetAsync(team, "/v1/providers")).Status);

        Assert.Equal(429, (await GetAsync(team, "/v1/models")).Status);
        (await team.ChatAsync()).IsRefused(429);
    }

    [Fact]
    public async Task CatalogueCall_IsARequestInFlight()
    {
        await using var team = await TeamGateway.StartAsync(OneAtATime);
        await using (var held = await team.OpenStreamAsync("", "x-fake-stall-after: 1"))
        {
            Assert.Equal(429, (await GetAsync(team, "/v1/models")).Status);
            held.Client.Reset();
        }

        await Eventually.TrueAsync(async () => (await GetAsync(team, "/v1/models")).Status == 200, "a free place");
        Assert.Equal(200, (await GetAsync(team, "/v1/models")).Status);
    }

    [Theory]
    [InlineData("/v1/generation?id=gen-unknown")]
    [InlineData("/v1/generation?id=gen-unknown&x=1")]
    [InlineData("/v1/videos/unknown")]
    [InlineData("/v1/videos/unknown/content")]
    [InlineData(OwnJob)]
    [InlineData(OwnJob + "/content")]
    public async Task QuestionsAboutCalls_CountAsRequestsAndCostNoTokens(string target)
    {
        await using var team = await StartAsync(""" "Limits": { "RequestsPerMinute": 3, "TokensPerMinute": 10000 } """);
        await OrderJobAsync(team);
        var status = target.StartsWith(OwnJob, StringComparison.Ordinal) ? 200 : 404;

        var first = await GetAsync(team, target);
        Assert.Equal(status, first.Status);
        Assert.Equal("1", first.Header("x-ratelimit-remaining-requests"));
        Assert.Null(first.Header("x-ratelimit-remaining-tokens"));
        Assert.Equal(status, (await GetAsync(team, target)).Status);

        Assert.Equal(429, (await GetAsync(team, target)).Status);
        (await team.ChatAsync()).IsRefused(429);
    }

    [Theory]
    [InlineData("/v1/generation?id=gen-unknown")]
    [InlineData(OwnJob)]
    [InlineData("/v1/models")]
    [InlineData("/v1/key")]
    public async Task UnmeteredCall_IsRefusedBesideARequestInFlight(string target)
    {
        await using var team = await TeamGateway.StartAsync(OneAtATime);
        await OrderJobAsync(team);
        await using var held = await team.OpenStreamAsync("", "x-fake-stall-after: 1");

        Assert.Equal(429, (await GetAsync(team, target)).Status);
    }

    [Theory]
    [InlineData("/v1/providers")]
    [InlineData("/v1/models")]
    [InlineData(OwnJob + "/content")]
    public async Task UnmeteredCall_IsInFlightUntilUpstreamHasAnswered(string target)
    {
        await using var team = await TeamGateway.StartAsync(OneAtATime);
        await OrderJobAsync(team);
        await using var client = await team.Gateway.ConnectAsync();
        var id = TeamGateway.NextId();
        await client.GetAsync(
            target, "x-api-key: " + TeamSetup.Key, $"x-fake-id: {id}", "x-fake-step: 1", "x-fake-split: 9", """x-fake-body: {"data":[ {"id":"x"} ]}""");
        var request = await team.Upstream.Requests.WaitForAsync(id);
        request.Release();
        var head = await client.ReadHeadAsync();
        Assert.Equal(200, head.Status);

        Assert.Equal(429, (await GetAsync(team, "/v1/providers")).Status);

        request.ReleaseAll();
        Assert.Equal("""{"data":[ {"id":"x"} ]}""", (await client.ReadBodyAsync(head)).Text);
        Assert.Equal(200, (await GetAsync(team, "/v1/providers")).Status);
    }

    /// <summary>The list is larger than the buffers of its connection, so that the gateway cannot pass it before it is read.</summary>
    [Fact]
    public async Task SlowReaderOfAnEditedList_IsInFlight()
    {
        var entries = string.Concat(Enumerable.Range(0, 75).Select(static i => $$"""{"id":"openai/x{{i}}","about":"{{new string('x', 100_000)}}"},"""));
        var list = $$"""{"data":[{{entries}}{"id":"other/x"}]}""";
        await using var upstream = ScriptedSocketUpstream.Answering(
            $"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {list.Length}\r\nConnection: close\r\n\r\n{list}");
        await using var team = await TeamGateway.StartAsync(new TeamGatewayOptions
        {
            Team = OneAtATime + """, "AllowedModels": ["openai/*"] """,
            UpstreamUrl = upstream.BaseUrl,
            WaitsForPrices = false,
        });
        await using var client = await team.Gateway.ConnectAsync();
        await client.GetAsync("/v1/models", "x-api-key: " + TeamSetup.Key);
        var head = await client.ReadHeadAsync();
        Assert.Equal(200, head.Status);

        Assert.Equal(429, (await GetAsync(team, "/v1/models")).Status);

        var body = await client.ReadBodyAsync(head);
        Assert.Equal(list.Length - """,{"id":"other/x"}""".Length, body.Bytes.Length);
        Assert.Equal(200, (await GetAsync(team, "/v1/models")).Status);
    }

    [Theory]
    [InlineData("GET", "/v1/providers")]
    [InlineData("GET", "/v1/providers", "x-fake-chunked: 1")]
    [InlineData("GET", "/v1/providers", "x-fake-gzip: 1")]
    [InlineData("GET", "/v1/providers", "x-fake-stream: 1", "x-fake-body: data: x")]
    [InlineData("GET", "/v1/providers", "x-fake-body: ")]
    [InlineData("GET", "/v1/providers", "x-fake-status: 204", "x-fake-body: ")]
    [InlineData("GET", "/v1/providers", "x-fake-status: 304", "x-fake-body: ")]
    [InlineData("GET", "/v1/providers", "x-fake-status: 404")]
    [InlineData("GET", "/v1/providers", "x-fake-status: 401", "x-fake-body: {\"error\":{\"message\":\"No auth credentials found\",\"code\":401}}")]
    [InlineData("GET", "/v1/providers", "x-fake-close: 1")]
    [InlineData("GET", "/v1/model/denied/x")]
    [InlineData("HEAD", "/v1/providers")]
    [InlineData("GET", "/v1/models")]
    [InlineData("GET", "/v1/models", "x-fake-body: no list")]
    [InlineData("HEAD", "/v1/models")]
    [InlineData("GET", "/v1/key")]
    [InlineData("GET", "/v1/generation?id=gen-unknown")]
    [InlineData("GET", OwnJob)]
    public async Task PlaceOfAnUnmeteredCall_IsFreeTheMomentTheClientHasReadTheEnd(string method, string target, params string[] lines)
    {
        // Model rights edit the lists of models, and close the endpoint that orders jobs.
        await using var team = await TeamGateway.StartAsync(target == OwnJob ? OneAtATime : OneAtATime + """, "DeniedModels": ["denied/*"] """);
        if (target == OwnJob)
        {
            await OrderJobAsync(team);
        }

        await using var kept = await team.Gateway.ConnectAsync();
        for (var i = 0; i < 100; i++)
        {
            await using var fresh = await team.Gateway.ConnectAsync();
            var client = i % 2 == 0 ? kept : fresh;
            await client.SendAsync(
                $"{method} {target} HTTP/1.1\r\nHost: {client.Authority}\r\nx-api-key: {TeamSetup.Key}\r\n{string.Concat(lines.Select(static line => line + "\r\n"))}\r\n");
            var head = await client.ReadHeadAsync();
            if (method == "GET")
            {
                await client.ReadBodyAsync(head);
            }

            Assert.True(head.Status != 429, $"Call {i} was refused, although the one before it was over.");
        }
    }

    [Fact]
    public async Task StreamThatIsClosedBeforeItsUsage_CountsWhatWentBy()
    {
        await using var team = await StartAsync(""" "Limits": { "TokensPerMinute": 2000 } """);
        for (var i = 0; i < 2; i++)
        {
            // No bill arrives.
            await using var call = await team.SendAsync(
                "/v1/chat/completions",
                TeamGateway.Body("\"stream\":true"),
                "x-fake-events: 1000",
                "x-fake-stall-after: 1000",
                "x-fake-generation-missing: 1");
            var head = await call.Client.ReadHeadAsync();
            Assert.Equal(200, head.Status);
            var pieces = new List<RawPiece>();
            while (string.Concat(pieces.Select(piece => piece.Text)).Split("\"delta\"").Length <= 1000)
            {
                pieces.Add((await call.Client.ReadPieceAsync(head, pieces))!);
            }

            call.Client.Reset();
            await (await team.Upstream.Requests.WaitForAsync(call.Id)).WaitForEndAsync();
            await team.RowAsync(row => row.GenerationId == team.Bill(call.Id).Id && row.State == GenerationState.Provisional, "its end");
        }

        var refused = await team.ChatAsync("\"max_tokens\":1500");
        refused.IsRefused(429);
        Assert.Equal(
            """{"limit":"tokens","scope":"team"}""", refused.Json.GetProperty("error").GetProperty("metadata").GetRawText());
    }

    [Fact]
    public async Task StreamThatIsClosedBeforeItsUsage_IsCorrectedByItsBill()
    {
        FakeTime.SkipWithPublishedProgram();
        var time = FakeTime.StartNow();
        await using var team = await StartAsync(""" "Limits": { "TokensPerMinute": 2000 } """, time);

        // Ten events go by, and upstream bills 1,900 tokens.
        await using var call = await team.OpenStreamAsync(
            "", "x-fake-events: 10", "x-fake-completion-tokens: 1900", "x-fake-stall-after: 10");
        await team.Upstream.Requests.WaitForAsync(request => request.Id == call.Id && request.EventsWritten == 10);
        call.Client.Reset();
        await time.AdvanceUntilAsync(
            TimeSpan.FromMilliseconds(200), async () => (await team.RowsAsync()).Any(static row => row.IsClosed), "the bill");

        await Eventually.TrueAsync(
            async () => (await team.ChatAsync()).Head.Header("x-ratelimit-remaining-tokens") is { } left
                && int.Parse(left, CultureInfo.InvariantCulture) < 1500,
            "the correction");
    }

    /// <summary>Streams whose estimates fill the limit minute by minute, and which use next to nothing, save no tokens up for a later minute.</summary>
    [Fact]
    public async Task EstimatesOfPastMinutes_AreNoAllowanceOfALaterOne()
    {
        FakeTime.SkipWithPublishedProgram();
        var time = FakeTime.StartNow();
        await using var team = await StartAsync(""" "Limits": { "TokensPerMinute": 2000 } """, time);
        await using var first = await StashAsync();
        await using var second = await StashAsync();
        await using var third = await StashAsync();
        var used = 0;
        foreach (var stash in (TeamCall[])[first, second, third])
        {
            (await team.Upstream.Requests.WaitForAsync(stash.Id)).ReleaseAll();
            Assert.Equal(RawEnd.Complete, (await stash.Client.ReadBodyAsync(stash.Head!)).End);
            var call = await team.ChatAsync("\"max_tokens\":1980", "x-fake-prompt-tokens: 20", "x-fake-completion-tokens: 1980");
            used += call.Status == 200 ? 2000 : 0;
        }

        Assert.Equal(2000, used);

        async Task<TeamCall> StashAsync()
        {
            var call = await team.SendAsync(
                "/v1/chat/completions", TeamGateway.Body("\"stream\":true,\"max_tokens\":1980"), "x-fake-step: 1", "x-fake-keepalives: 0");
            var request = await team.Upstream.Requests.WaitForAsync(call.Id);
            request.Release();
            call.Head = await call.Client.ReadHeadAsync();
            Assert.Equal(200, call.Head.Status);
            time.Advance(TimeSpan.FromMinutes(1));
            return call;
        }
    }

    [Fact]
    public async Task LimitsOfAKey_HoldBesideTheTeams()
    {
        await using var team = await TeamGateway.StartAsync(new TeamGatewayOptions
        {
            Time = new StandingTime(),
            Team = """ "Limits": { "RequestsPerMinute": 5 } """,
            KeyMore = """, "Limits": { "RequestsPerMinute": 1 } """,
            MoreTeams = reference => [TeamSetup.Team("", "other", "ogw-other", reference: reference)],
        });

        Assert.Equal(200, (await team.ChatAsync()).Status);
        var refused = await team.ChatAsync();
        refused.IsRefused(429);
        Assert.Equal("1", refused.Head.Header("x-ratelimit-limit-requests"));

        // The limit does not apply to another team.
        var other = await team.ChatAsync("", "x-api-key: ogw-other");
        Assert.Equal(200, other.Status);
        Assert.Null(other.Head.Header("x-ratelimit-limit-requests"));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task TokensAMinute_AreSettledByTheTruth(bool streams)
    {
        await using var team = await StartAsync(""" "Limits": { "TokensPerMinute": 6000 } """);
        var stream = streams ? "\"stream\":true," : "";

        // Announced 5,000, used 111: the surplus of the reserved tokens is given back.
        var thrifty = await team.ChatAsync(stream + "\"max_tokens\":5000", "x-fake-prompt-tokens: 100", "x-fake-completion-tokens: 11");
        Assert.Equal(200, thrifty.Status);
        var next = await team.ChatAsync("\"max_tokens\":5000", "x-fake-prompt-tokens: 100", "x-fake-completion-tokens: 11");
        Assert.Equal(200, next.Status);

        // Announced nothing, used 9,000: the next call waits, since the owed tokens drain at 100 a second.
        var greedy = await team.ChatAsync(stream + "\"user\":\"x\"", "x-fake-prompt-tokens: 1000", "x-fake-completion-tokens: 8000");
        Assert.Equal(200, greedy.Status);
        var refused = await team.ChatAsync();
        refused.IsRefused(429);
        Assert.Equal("0", refused.Head.Header("x-ratelimit-remaining-tokens"));
        Assert.InRange(int.Parse(refused.Head.Header("Retry-After")!, CultureInfo.InvariantCulture), 1, 40);
    }

    [Fact]
    public async Task RequestsInFlight_AreRefusedBeyondTheLimitAndFreeAtTheEnd()
    {
        await using var team = await TeamGateway.StartAsync(""" "Limits": { "ConcurrentRequests": 4 } """);
        var held = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => team.OpenStreamAsync("", "x-fake-stall-after: 1")));
        Assert.All(held, call => Assert.Equal(200, call.Head!.Status));

        var refused = await team.ChatAsync();
        refused.IsRefused(429);
        Assert.Equal("1", refused.Head.Header("Retry-After"));
        Assert.Null(refused.Upstream);

        held[0].Client.Reset();
        await Eventually.TrueAsync(async () => (await team.ChatAsync()).Status == 200, "a free place");
        foreach (var call in held)
        {
            await call.DisposeAsync();
        }
    }

    [Theory]
    [InlineData("json")]
    [InlineData("json", "x-fake-gzip: 1")]
    [InlineData("json", "x-fake-whitespace: 1", "x-fake-chunked: 1")]
    [InlineData("json", "x-fake-status: 400")]
    [InlineData("json", "x-fake-status: 502", "x-fake-content-type: text/html", "x-fake-body: <html>bad gateway</html>")]
    [InlineData("json", "x-fake-content-type: text/plain", "x-fake-body: not JSON at all")]
    [InlineData("json", "x-fake-status: 204", "x-fake-body: ")]
    [InlineData("sse")]
    [InlineData("sse", "x-fake-gzip: 1")]
    [InlineData("sse", "x-fake-no-usage: 1")]
    [InlineData("sse", "x-fake-end-after: 2")]
    public async Task Place_IsFreeTheMomentTheClientHasReadTheEnd(string kind, params string[] lines)
    {
        await using var team = await TeamGateway.StartAsync(OneAtATime);
        await using var kept = await team.Gateway.ConnectAsync();
        var body = TeamGateway.Body(kind == "sse" ? "\"stream\":true" : "");
        for (var i = 0; i < 100; i++)
        {
            int status;
            if (i % 2 == 0)
            {
                await TeamGateway.SendAsync(kept, TeamGateway.NextId(), "/v1/chat/completions", body, lines);
                status = (await kept.ReadAsync()).Head.Status;
            }
            else
            {
                status = (await team.PostAsync("/v1/chat/completions", body, lines)).Status;
            }

            Assert.True(status != 429, $"Call {i} was refused, although the one before it was over.");
        }
    }

    [Theory]
    [InlineData("leaves")]
    [InlineData("leaves without a stream")]
    [InlineData("dies")]
    [InlineData("cuts")]
    [InlineData("refuses")]
    [InlineData("402")]
    [InlineData("403")]
    public async Task Place_ComesBackHoweverTheCallEnds(string how)
    {
        await using var team = await TeamGateway.StartAsync(
            OneAtATime + """, "DeniedModels": ["denied/*"], "Budget": { "Usd": 1 } """);
        for (var i = 0; i < 5; i++)
        {
            switch (how)
            {
                case "leaves":
                    await using (var call = await team.OpenStreamAsync("", "x-fake-stall-after: 1"))
                    {
                        Assert.Equal(200, call.Head!.Status);
                        call.Client.Reset();
                        await (await team.Upstream.Requests.WaitForAsync(call.Id)).WaitForEndAsync();
                    }

                    break;
                case "leaves without a stream":
                    await using (var call = await team.SendAsync("/v1/chat/completions", TeamGateway.Body(), "x-fake-delay-ms: 100"))
                    {
                        var request = await team.Upstream.Requests.WaitForAsync(call.Id);
                        call.Client.Reset();
                        await request.WaitForEndAsync();
                        Assert.Equal(ReceivedEnd.Complete, request.End);
                    }

                    break;
                case "dies":
                    Assert.Equal(502, (await team.ChatAsync("", "x-fake-close: 1")).Status);
                    break;
                case "cuts":
                    Assert.NotEqual(RawEnd.Complete, (await team.ChatAsync("\"stream\":true", "x-fake-cut-after: 1")).Body.End);
                    break;
                case "refuses":
                    Assert.NotNull((await team.ChatAsync("", "x-fake-status: 429")).Upstream);
                    break;
                case "402":
                    (await team.ChatAsync("\"max_tokens\":9000000")).IsRefused(402);
                    break;
                case "403":
                    (await team.ChatAsync("\"model\":\"denied/model\"")).IsRefused(403);
                    break;
            }

            await Eventually.TrueAsync(async () => (await team.ChatAsync()).Status == 200, "a free place");
        }
    }

    [Fact]
    public async Task WhatIsRefusedBeforeOrBehindTheLimits_CountsAgainstNone()
    {
        await using var team = await StartAsync(
            """
            "Limits": { "RequestsPerMinute": 1, "TokensPerMinute": 1000, "ConcurrentRequests": 1 }, "DeniedModels": ["denied/*"],
            "Budget": { "Usd": 1 }
            """);

        (await team.ChatAsync("", "x-api-key: nobody")).IsRefused(401);
        (await team.PostAsync("/v1/files", TeamGateway.Body())).IsRefused(403);
        (await team.PostAsync("/v1/chat/completions", "{")).IsRefused(400);
        (await team.PostAsync("/v1/chat/completions", "[]")).IsRefused(400);
        (await team.ChatAsync("\"model\":\"denied/model\"")).IsRefused(403);
        var dear = await team.ChatAsync("\"model\":\"anthropic/claude-3-opus\",\"max_tokens\":900,\"n\":100");
        dear.IsRefused(402);
        (await team.ChatAsync("\"model\":\"nobody/knows\"")).IsRefused(402);

        var call = await team.ChatAsync();
        Assert.Equal(200, call.Status);
        Assert.Equal("0", call.Head.Header("x-ratelimit-remaining-requests"));
        (await team.ChatAsync()).IsRefused(429);
    }

    [Fact]
    public async Task Reload_ChangesLimitsAndForgetsNothing()
    {
        FakeTime.SkipWithPublishedProgram();
        var time = FakeTime.StartNow();
        await using var team = await StartAsync(""" "Limits": { "RequestsPerMinute": 2, "ConcurrentRequests": 2 } """, time);
        await using var held = await team.OpenStreamAsync("", "x-fake-stall-after: 1");
        Assert.Equal(200, (await team.ChatAsync()).Status);
        (await team.ChatAsync()).IsRefused(429);

        // Raised: the requests above the two that were used are available at once.
        await ReloadAsync(""" "Limits": { "RequestsPerMinute": 4, "ConcurrentRequests": 1 } """);
        (await team.ChatAsync()).IsRefused(429);
        await ReloadAsync(""" "Limits": { "RequestsPerMinute": 4, "ConcurrentRequests": 2 } """);
        Assert.Equal(200, (await team.ChatAsync()).Status);
        Assert.Equal(200, (await team.ChatAsync()).Status);
        (await team.ChatAsync()).IsRefused(429);

        // Removed: no request is counted, and no header states a limit.
        await ReloadAsync("");
        var call = await team.ChatAsync();
        Assert.Equal(200, call.Status);
        Assert.DoesNotContain(call.Head.Headers, header => header.Key.StartsWith("x-ratelimit", StringComparison.OrdinalIgnoreCase));

        Task ReloadAsync(string members) => team.Gateway.ReloadAsync(team.Settings(members), time);
    }

    /// <summary>A team whose clock stands, unless the test moves it: limits refill as time passes.</summary>
    private static Task<TeamGateway> StartAsync(string team, TimeProvider? time = null) =>
        TeamGateway.StartAsync(new TeamGatewayOptions { Team = team, Time = time ?? new StandingTime() });

    private static string? CodeOf(Exchange call) => call.Json.GetProperty("error").GetProperty("code").GetString();

    private static async Task OrderJobAsync(TeamGateway team) => Assert.Equal(200, (await team.PostAsync(
        "/v1/videos", """{"model":"m","prompt":"x"}""", "x-fake-body: {\"id\":\"job-1\",\"status\":\"pending\"}")).Status);

    private static async Task<RawResponse> GetAsync(TeamGateway team, string target)
    {
        await using var client = await team.Gateway.ConnectAsync();
        await client.GetAsync(target, "x-api-key: " + TeamSetup.Key);
        return (await client.ReadAsync()).Head;
    }
}
