using System.Net;
using System.Net.Sockets;
using FakeOpenRouter;
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

    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(10);

    private static readonly string[] CdnPage =
        ["x-fake-status: 521", "x-fake-body: <html>", "x-fake-content-type: text/html", "x-fake-no-generation-id: 1"];

    [Fact]
    public async Task OutageBehindACdn_CostsNothingAndEndsTenSecondsAfterUpstreamsReturn()
    {
        FakeTime.SkipWithPublishedProgram();
        var time = FakeTime.StartNow();
        await using var team = await TeamGateway.StartAsync(new TeamGatewayOptions { Team = Budget, Limits = Prices, Time = time });
        await using var client = await team.Gateway.ConnectAsync();

        var (failures, retryAfter) = await FailUntilRefusedAsync(() => CallAsync(client, CdnPage), time, 521);
        Assert.InRange(failures, 5, 10);

        // The gateway's own questions are GETs.
        var sent = Sent();
        var rows = await team.RowsAsync();
        time.Advance(TimeSpan.FromSeconds(4));
        var refused = await CallAsync(client);
        refused.IsRefused(503);
        Assert.Equal(
            (retryAfter - 4, "upstream_unavailable"),
            (RetryAfter(refused), refused.Json.GetProperty("error").GetProperty("code").GetString()));
        Assert.Equal(sent, Sent());
        Assert.Equal(rows.Count, (await team.RowsAsync()).Count);

        // An endpoint that the gateway answers itself needs no upstream.
        await client.GetAsync("/v1/key", "x-api-key: " + TeamSetup.Key);
        Assert.Equal(200, (await client.ReadAsync()).Head.Status);

        // While upstream is still down, one failure is enough.
        time.Advance(Pause - TimeSpan.FromSeconds(4));
        await PassAsync(client, 521, CdnPage);
        await Eventually.TrueAsync(async () => (await CallAsync(client, CdnPage)).Status == 503, "a second pause");
        time.Advance(Pause);
        await PassAsync(client, 200);

        await Eventually.TrueAsync(
            async () => (rows = await team.RowsAsync()).All(row => row.IsClosed), "closed rows");
        Assert.All(rows.Where(row => row.Status != 200), row => Assert.Equal((GenerationState.Settled, 0L), (row.State, row.CostPico)));
        Assert.Single(rows, row => row.Status == 200);

        int Sent() => team.Upstream.Requests.All.Count(static request => request.Method == "POST");
    }

    [Fact]
    public async Task OutageWithoutConnections_CostsNothingAndEndsTenSecondsAfterUpstreamsReturn()
    {
        FakeTime.SkipWithPublishedProgram();
        var time = FakeTime.StartNow();
        using var port = LoopbackPort.Claim();
        await using var upstream = await FakeOpenRouterServer.StartAsync(new FakeOpenRouterOptions { Port = port.Number });
        await upstream.PlayAsync(Scenario.Parse("""{ "steps": [ { "seconds": [0], "fault": "down" } ] }"""u8.ToArray()));
        await Eventually.TrueAsync(() => IsRefusedAsync(upstream), "the port to be closed");
        await using var team = await TeamGateway.StartAsync(new TeamGatewayOptions
        {
            Team = Budget,
            Limits = Prices,
            Upstream = upstream,
            WaitsForPrices = false,
            HasStoredPrices = true,
            Time = time,
        });
        await using var client = await team.Gateway.ConnectAsync();

        var (failures, _) = await FailUntilRefusedAsync(() => CallAsync(client), time, 502);
        Assert.InRange(failures, 1, 10);

        IReadOnlyList<LedgerRow> rows = [];
        await Eventually.TrueAsync(async () => (rows = await team.RowsAsync()).All(row => row.IsClosed), "closed rows");
        Assert.All(rows, row => Assert.Equal((GenerationState.Settled, 0L), (row.State, row.CostPico)));

        await upstream.PlayAsync(Scenario.None);
        time.Advance(Pause);
        await PassAsync(client, 200);
    }

    /// <summary>One team alone cannot take a destination from the others: what it meets may be its own doing.</summary>
    [Fact]
    public async Task OutageThatOneTeamMeets_LeavesTheDestinationToTheOthers()
    {
        FakeTime.SkipWithPublishedProgram();
        var time = FakeTime.StartNow();
        await using var team = await TeamGateway.StartAsync(new TeamGatewayOptions
        {
            MoreTeams = static reference => [TeamSetup.Team("", "other", "ogw-other", reference: reference)],
            Time = time,
        });
        await using var client = await team.Gateway.ConnectAsync();
        for (var i = 0; i < 12; i++)
        {
            Assert.Equal(521, (await CallAsync(client, CdnPage)).Status);
            time.Advance(TimeSpan.FromMilliseconds(500));
        }

        Assert.Equal(521, (await CallAsync(client, [.. CdnPage, "x-api-key: ogw-other"])).Status);
        await Eventually.TrueAsync(async () => (await CallAsync(client, CdnPage)).Status == 503, "a pause for both teams");
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
        await using var upstream = await FakeOpenRouterServer.StartAsync();
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
        await using var upstream = await FakeOpenRouterServer.StartAsync();
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
        await using var upstream = await FakeOpenRouterServer.StartAsync();
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
                        == HttpStatusCode.ServiceUnavailable,
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

    private static async Task<bool> IsRefusedAsync(FakeOpenRouterServer upstream)
    {
        try
        {
            await using var client = await RawHttpClient.ConnectAsync(new Uri(upstream.RootUrl));
            return false;
        }
        catch (SocketException)
        {
            return true;
        }
    }

    /// <summary>
    /// A call on a connection that stays open. The gateway reads it once the call before has ended, its health policy included: no failure is
    /// counted after a pause has begun.
    /// </summary>
    private static async Task<Exchange> CallAsync(RawHttpClient client, params string[] lines)
    {
        await TeamGateway.SendAsync(client, TeamGateway.NextId(), "/v1/chat/completions", TeamGateway.Body(DollarCall), lines);
        var (head, body) = await client.ReadAsync();
        return new Exchange(head, body, null);
    }

    /// <summary>Calls until the destination is reached, while the clock stands. Its health is updated beside the requests.</summary>
    private static Task PassAsync(RawHttpClient client, int status, params string[] lines) => Eventually.TrueAsync(
        async () =>
        {
            var call = await CallAsync(client, lines);
            Assert.True(call.Status == status || call.Status == 503, call.Head.StatusLine);
            return call.Status == status;
        },
        "a call that reaches the destination");
}
