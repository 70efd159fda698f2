using Gateway.Billing;
using Gateway.Tests.Support;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Gateway.Tests.EndToEnd;

/// <summary>
/// Promise: an outage of upstream costs no team anything, is a 503 with Retry-After within ten failures, and is over for clients within ten
/// seconds of upstream's return.
/// </summary>
public sealed class OutageTests
{
    private const string Prices = """{ "Prices": [ { "Model": "test/dollar", "Prompt": "0", "Completion": "0", "Request": "1" } ] }""";
    private const string DollarCall = "\"model\":\"test/dollar\"";

    // The budget covers one call at a time: one that were charged would be the last.
    private const string Budget = """ "Budget": { "Usd": 1 } """;

    private static readonly string[] CdnPage =
        ["x-fake-status: 521", "x-fake-body: <html>", "x-fake-content-type: text/html", "x-fake-no-generation-id: 1"];

    [Fact]
    public async Task OutageBehindACdn_CostsNothingAndEndsTenSecondsAfterUpstreamsReturn()
    {
        FakeTime.SkipWithPublishedProgram();
        var time = FakeTime.StartNow();
        await using var team = await TeamGateway.StartAsync(new TeamGatewayOptions { Team = Budget, Limits = Prices, Time = time });

        var (failures, retryAfter) = await FailUntilRefusedAsync(() => team.ChatAsync(DollarCall, CdnPage), time, 521);
        Assert.InRange(failures, 5, 10);

        // The gateway's own questions are GETs.
        var sent = Sent();
        var rows = await team.RowsAsync();
        time.Advance(TimeSpan.FromSeconds(4));
        var refused = await team.ChatAsync(DollarCall);
        refused.IsRefused(503);
        Assert.Equal(
            (retryAfter - 4, "upstream_unavailable"),
            (RetryAfter(refused), refused.Json.GetProperty("error").GetProperty("code").GetString()));
        Assert.Equal(sent, Sent());
        Assert.Equal(rows.Count, (await team.RowsAsync()).Count);

        // An endpoint that the gateway answers itself needs no upstream.
        await using (var client = await team.Gateway.ConnectAsync())
        {
            await client.GetAsync("/v1/key", "x-api-key: " + TeamSetup.Key);
            Assert.Equal(200, (await client.ReadAsync()).Head.Status);
        }

        // While upstream is still down, one failure is enough.
        await ReactivateAsync(team, time, TimeSpan.FromSeconds(retryAfter - 4), 521, CdnPage);
        await Eventually.TrueAsync(async () => (await team.ChatAsync(DollarCall, CdnPage)).Status == 503, "a second pause");
        await ReactivateAsync(team, time, TimeSpan.FromSeconds(10), 200);

        await Eventually.TrueAsync(
            async () => (rows = await team.RowsAsync()).All(row => row.IsClosed), "closed rows");
        Assert.All(rows.Where(row => row.Status != 200), row => Assert.Equal((GenerationState.Settled, 0L), (row.State, row.CostPico)));
        Assert.Single(rows, row => row.Status == 200);

        int Sent() => team.Upstream.Requests.All.Count(static request => request.Method == "POST");
    }

    [Fact]
    public async Task OutageWithoutConnections_CostsNothing()
    {
        FakeTime.SkipWithPublishedProgram();
        var time = FakeTime.StartNow();
        await using var team = await TeamGateway.StartAsync(new TeamGatewayOptions
        {
            Team = Budget,
            Limits = Prices,
            UpstreamUrl = ScriptedSocketUpstream.RefusingBaseUrl,
            WaitsForPrices = false,
            HasStoredPrices = true,
            Time = time,
        });

        var (failures, _) = await FailUntilRefusedAsync(() => team.ChatAsync(DollarCall), time, 502);
        Assert.InRange(failures, 1, 10);

        IReadOnlyList<LedgerRow> rows = [];
        await Eventually.TrueAsync(async () => (rows = await team.RowsAsync()).All(row => row.IsClosed), "closed rows");
        Assert.All(rows, row => Assert.Equal((GenerationState.Settled, 0L), (row.State, row.CostPico)));
    }

    /// <summary>Streams that began well and go on prove that the destination can be reached, before their bodies end.</summary>
    [Fact]
    public async Task DestinationThatBeginsStreams_IsNotLeftAlone()
    {
        FakeTime.SkipWithPublishedProgram();
        var time = FakeTime.StartNow();
        await using var upstream = ScriptedSocketUpstream.Start(async connection =>
        {
            var (_, body) = await connection.ReadRequestAsync();
            if (body.AsSpan().IndexOf("stream"u8) < 0)
            {
                await connection.SendAsync("HTTP/1.1 521 Down\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
                return;
            }

            await connection.SendAsync("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n");
            await connection.SendChunkAsync("data: {\"choices\":[]}\n\n");
            await connection.WaitForCloseAsync();
        });
        await using var gateway = await GatewayHost.StartAsync(options =>
        {
            options.Upstream = upstream.BaseUrl;
            options.Time = time;
        });
        var streams = new List<RawHttpClient>();
        try
        {
            for (var i = 0; i < 12; i++)
            {
                time.Advance(TimeSpan.FromSeconds(1));
                var stream = await gateway.ConnectAsync();
                streams.Add(stream);
                await stream.PostAsync("/v1/chat/completions", """{"stream":true}""");
                Assert.Equal(200, (await stream.ReadHeadAsync()).Status);
                await using var client = await gateway.ConnectAsync();
                await client.PostAsync("/v1/chat/completions", "{}");
                Assert.Equal(521, (await client.ReadAsync()).Head.Status);
            }
        }
        finally
        {
            foreach (var stream in streams)
            {
                await stream.DisposeAsync();
            }
        }
    }

    /// <summary>An error in a response with status 200 comes from the destination, with any code.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task DestinationThatSendsErrorsOfACdn_IsNotLeftAlone(bool isDropped)
    {
        FakeTime.SkipWithPublishedProgram();
        var time = FakeTime.StartNow();
        await using var upstream = await FakeOpenRouter.FakeOpenRouterServer.StartAsync();
        await using var gateway = await GatewayHost.StartAsync(options =>
        {
            string[] addresses = isDropped ? [upstream.BaseUrl, upstream.BaseUrl] : [upstream.BaseUrl];
            options.Settings = ShippedSettings.With(("ReverseProxy", Destinations.Of(addresses)));
            options.Time = time;
        });
        for (var i = 0; i < 10; i++)
        {
            time.Advance(TimeSpan.FromSeconds(1));
            await using var client = await gateway.ConnectAsync();
            await client.PostAsync(
                "/v1/chat/completions", "{}", "x-fake-body: {\"error\":{\"code\":522}}", "x-fake-no-generation-id: 1");
            var (head, _) = await client.ReadAsync();

            Assert.Equal((522, "200"), (head.Status, head.Header("x-gateway-upstream-status")));
            Assert.Equal(isDropped ? "2" : null, head.Header("x-gateway-attempts"));
        }
    }

    [Fact]
    public async Task DestinationThatIsDown_IsNotTriedFirst()
    {
        FakeTime.SkipWithPublishedProgram();
        var time = FakeTime.StartNow();
        await using var upstream = await FakeOpenRouter.FakeOpenRouterServer.StartAsync();
        await using var gateway = await GatewayHost.StartAsync(options =>
        {
            options.Settings = ShippedSettings.With(
                ("ReverseProxy", Destinations.Of(ScriptedSocketUpstream.RefusingBaseUrl, upstream.BaseUrl)));
            options.Time = time;
        });

        await Eventually.InStepsAsync(
            async () =>
            {
                time.Advance(TimeSpan.FromMilliseconds(500));
                await using var client = await gateway.ConnectAsync();
                await client.PostAsync("/v1/chat/completions", "{}");
                var (head, _) = await client.ReadAsync();
                Assert.Equal(200, head.Status);
                return head.Header("x-gateway-attempts") is null;
            },
            "a call that goes to the other destination at once");
    }

    [Fact]
    public async Task Metrics_SayWhichDestinationIsLeftAlone()
    {
        await using var upstream = await FakeOpenRouter.FakeOpenRouterServer.StartAsync();
        await using var gateway = await GatewayHost.StartAsync(
            options => options.Settings = Settings(("a", ScriptedSocketUpstream.RefusingBaseUrl), ("b", upstream.BaseUrl)));
        using var admin = await gateway.AdminClientAsync();
        Assert.Equal((0, 0), (await LeftAloneAsync("a"), await LeftAloneAsync("b")));

        await Eventually.TrueAsync(
            async () =>
            {
                await using var client = await gateway.ConnectAsync();
                await client.PostAsync("/v1/chat/completions", "{}");
                await client.ReadAsync();
                return await LeftAloneAsync("a") == 1;
            },
            "a destination that is left alone");
        Assert.Equal(0, await LeftAloneAsync("b"));

        // A series that ended would keep its value.
        await gateway.ReloadAsync(Settings(("b", upstream.BaseUrl)));

        // YARP takes the new destinations over after the reload.
        await Eventually.TrueAsync(
            async () => (await LeftAloneAsync("a"), await LeftAloneAsync("b")) == (0, 0), "the end of the destination");

        async Task<int> LeftAloneAsync(string destination)
        {
            var text = await admin.GetStringAsync("/metrics", TestContext.Current.CancellationToken);
            return text.Contains(Line(1), StringComparison.Ordinal) ? 1 : text.Contains(Line(0), StringComparison.Ordinal) ? 0 : -1;

            string Line(int value) =>
                $"gateway_destination_left_alone{{cluster=\"openrouter\",destination=\"{destination}\"}} {value}";
        }

        static string Settings(params (string Name, string Address)[] destinations) => ShippedSettings.With(
            ("ReverseProxy", Destinations.Section(
                "", [.. destinations.Select(one => (one.Name, $$"""{ "Address": "{{one.Address}}" }"""))])),
            ("Admin", """{ "Url": "http://127.0.0.1:0" }"""));
    }

    [Theory]
    [InlineData("""{ "Passive": { "Enabled": false } }""", true)]
    [InlineData("""{ "AvailableDestinationsPolicy": "HealthyOrPanic" }""", true)]
    [InlineData("""{ "Passive": { "ReactivationPeriod": "00:01:00" } }""", false)]
    public async Task HealthCheckOfTheCluster_Holds(string settings, bool passes)
    {
        FakeTime.SkipWithPublishedProgram();
        var time = FakeTime.StartNow();
        await using var gateway = await GatewayHost.StartAsync(options =>
        {
            options.Settings = ShippedSettings.With(("ReverseProxy", Destinations.Section(
                $", \"HealthCheck\": {settings}", ("a", $$"""{ "Address": "{{ScriptedSocketUpstream.RefusingBaseUrl}}" }"""))));
            options.Time = time;
        });
        string? retryAfter = null;
        var statuses = new List<int>();
        for (var i = 0; i < 10; i++)
        {
            time.Advance(TimeSpan.FromSeconds(1));
            await using var client = await gateway.ConnectAsync();
            await client.PostAsync("/v1/chat/completions", "{}");
            var (head, _) = await client.ReadAsync();
            statuses.Add(head.Status);
            retryAfter ??= head.Header("Retry-After");
            if (!passes && head.Status != 503 && i > 2)
            {
                // The destination's health is updated beside the request.
                await Eventually.TrueAsync(
                    async () => (await gateway.Client.GetAsync("/v1/models", TestContext.Current.CancellationToken)).StatusCode
                        == System.Net.HttpStatusCode.ServiceUnavailable,
                    "a pause");
            }
        }

        Assert.Equal(passes, !statuses.Contains(503));
        Assert.Equal(!passes, int.TryParse(retryAfter, out var seconds) && seconds is > 40 and <= 60);
    }

    /// <summary>Calls as a client that tries again after half a second, until the gateway refuses.</summary>
    /// <returns>The number of failures before that, and the delay after which the client may try again.</returns>
    private static async Task<(int Failures, int RetryAfter)> FailUntilRefusedAsync(
        Func<Task<Exchange>> callAsync, FakeTimeProvider time, int status)
    {
        for (var failures = 0; ; failures++)
        {
            var call = await callAsync();
            if (call.Status == 503)
            {
                Assert.InRange(RetryAfter(call), 1, 10);
                return (failures, RetryAfter(call));
            }

            Assert.Equal(status, call.Status);
            Assert.True(failures < 100, "The destination is never left alone.");
            time.Advance(TimeSpan.FromMilliseconds(500));
        }
    }

    private static int RetryAfter(Exchange call) =>
        int.Parse(call.Head.Header("Retry-After")!, System.Globalization.CultureInfo.InvariantCulture);

    /// <summary>
    /// Lets the pause pass. Health is updated beside the requests: the first ones may still be refused, and the pause may begin after the
    /// refusal that shows it.
    /// </summary>
    private static async Task ReactivateAsync(TeamGateway team, FakeTimeProvider time, TimeSpan pause, int status, params string[] lines)
    {
        time.Advance(pause);
        await time.AdvanceUntilAsync(
            TimeSpan.FromMilliseconds(500),
            async () =>
            {
                var call = await team.ChatAsync(DollarCall, lines);
                Assert.True(call.Status == status || call.Status == 503, call.Head.StatusLine);
                return call.Status == status;
            },
            "a call that reaches the destination");
    }
}
