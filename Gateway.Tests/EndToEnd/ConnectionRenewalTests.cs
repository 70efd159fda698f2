using System.Globalization;
using System.Net;
using System.Text;
using Gateway.Billing;
using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.EndToEnd;

/// <summary>
/// Promise: an upstream that renews its HTTP/2 connections under load, limits their streams or opens their windows slowly fails no call,
/// processes each once and bills each once.
/// </summary>
public sealed class ConnectionRenewalTests
{
    /// <summary>The number of calls, 12,000 for the whole proof; by default some more than renew a connection.</summary>
    private const string CallsVariable = "GATEWAY_TESTS_RENEWAL_CALLS";

    private const int Workers = 48;

    [Theory]
    [InlineData(100)]
    [InlineData(1000)]
    public async Task GoAwayUnderLoad_FailsNoCall(int requestsPerConnection)
    {
        var calls = Environment.GetEnvironmentVariable(CallsVariable) is { Length: > 0 } given
            ? int.Parse(given, CultureInfo.InvariantCulture)
            : requestsPerConnection + 250;
        await using var upstream = new RenewingUpstream(requestsPerConnection);
        await using var team = await TeamGateway.StartAsync(new TeamGatewayOptions
        {
            // A call that upstream excludes is sent again for ten seconds, which the clock of a slow machine might not leave it.
            Time = new StandingTime(),
            Team = """ "Budget": { "Usd": 1000000 } """,
            Limits = """{ "Prices": [ { "Model": "test/dollar", "Prompt": "0", "Completion": "0", "Request": "1" } ] }""",
            KeepsDestinations = true,
            HasStoredPrices = true,
            Sections =
            [
                Destinations.PatientWithHandshakes,
                ("ReverseProxy", Destinations.Section(
                    """, "HttpClient": { "DangerousAcceptAnyServerCertificate": true } """,
                    ("a", $$"""{ "Address": "{{upstream.BaseUrl}}" }"""))),
            ],
        });
        using var client = new HttpClient { BaseAddress = team.Gateway.Address, Timeout = HangGuard.Limit };
        client.DefaultRequestHeaders.Add("x-api-key", TeamSetup.Key);

        var failures = 0;
        await Parallel.ForAsync(0, calls, new ParallelOptions { MaxDegreeOfParallelism = Workers }, async (number, cancellation) =>
        {
            using var content = new StringContent(
                $$"""{"model":"test/dollar","messages":[],"user":"call-{{number}}"}""", Encoding.UTF8, "application/json");
            using var response = await client.PostAsync("/v1/chat/completions", content, cancellation);
            if (response.StatusCode != HttpStatusCode.OK)
            {
                Interlocked.Increment(ref failures);
            }
        });

        Assert.Equal(0, failures);
        Assert.Equal(calls, upstream.Book.Count);
        Assert.All(upstream.Book, call => Assert.Equal(1, call.Value));
        Assert.True(upstream.Renewals > 0);
        Assert.True(upstream.Excluded >= upstream.Renewals);

        IReadOnlyList<LedgerRow> rows = [];
        await Eventually.TrueAsync(
            async () => (rows = await team.RowsAsync()).Count(row => row is { GenerationId: not null, IsClosed: true }) == calls, "every row");
        Assert.Equal(calls, rows.Where(row => row.GenerationId is not null).Select(row => row.GenerationId).Distinct().Count());
        Assert.All(
            rows,
            row => Assert.Equal((GenerationState.Settled, row.GenerationId is null ? 0 : 1_000_000), (row.State, row.CostPico)));
    }

    /// <summary>With one connection, calls above its limit wait for their turn.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(10)]
    public async Task StreamLimitOfOneConnection_FailsNoCall(byte limit)
    {
        const int Calls = 50;
        await using var upstream = new RenewingUpstream { MaxStreams = limit };

        // A call that upstream refuses is sent again for ten seconds, which the clock of a slow machine might not leave it.
        FakeTime.SkipWithPublishedProgram();
        await using var gateway = await StartAsync(upstream, """, "EnableMultipleHttp2Connections": false""", FakeTime.StartNow());

        var statuses = await CallAsync(gateway, Calls);

        Assert.All(statuses, status => Assert.Equal(HttpStatusCode.OK, status));
        Assert.Equal(Calls, upstream.Book.Count);
        Assert.All(upstream.Book, call => Assert.Equal(1, call.Value));
        Assert.Equal(1, upstream.Connections);
    }

    /// <summary>
    /// By default, calls above the limit of a connection take another one. The client assumes a hundred streams until upstream has announced its
    /// limit, so a burst on a new connection is refused nothing.
    /// </summary>
    [Fact]
    public async Task BurstAboveTheStreamLimit_TakesFurtherConnectionsAndFailsNoCall()
    {
        const int Calls = 300;
        const byte Limit = 100;

        // Answered only when all are in flight, so that no call gets the place of another.
        await using var upstream = new RenewingUpstream { MaxStreams = Limit, CallsBeforeAnswers = Calls };
        await using var gateway = await StartAsync(upstream, "");

        var statuses = await CallAsync(gateway, Calls);

        Assert.All(statuses, status => Assert.Equal(HttpStatusCode.OK, status));
        Assert.Equal(Calls, upstream.Book.Count);
        Assert.All(upstream.Book, call => Assert.Equal(1, call.Value));
        Assert.True(upstream.Connections >= Calls / Limit);
    }

    /// <summary>The time limits of a response do not run while its request is sent.</summary>
    [Theory]
    [InlineData("/v1/chat/completions")]
    [InlineData("/v1/files")]
    public async Task SlowWindow_CutsNoUpload(string path)
    {
        FakeTime.SkipWithPublishedProgram();
        var time = FakeTime.StartNow();
        var windows = 0;
        await using var upstream = new RenewingUpstream
        {
            BeforeWindow = () =>
            {
                windows++;
                time.Advance(TimeSpan.FromMinutes(2));
            },
        };
        await using var gateway = await StartAsync(upstream, "", time);
        await using var client = await gateway.ConnectAsync();

        await client.PostAsync(path, $$"""{"model":"m","stream":true,"user":"slow","messages":["{{new string('x', 1024 * 1024)}}"]}""");

        Assert.Equal(200, (await client.ReadAsync()).Head.Status);
        Assert.Equal(1, upstream.Book["slow"]);
        Assert.True(windows >= 64);
    }

    /// <summary>Makes calls at once.</summary>
    private static async Task<HttpStatusCode[]> CallAsync(GatewayHost gateway, int calls)
    {
        using var client = new HttpClient { BaseAddress = gateway.Address, Timeout = HangGuard.Limit };
        client.DefaultRequestHeaders.Add("Authorization", "Bearer sk-or-v1-caller");
        return await Task.WhenAll(Enumerable.Range(0, calls).Select(async number =>
        {
            using var content = new StringContent(
                $$"""{"model":"m","messages":[],"user":"call-{{number}}"}""", Encoding.UTF8, "application/json");
            using var response = await client.PostAsync("/v1/chat/completions", content, TestContext.Current.CancellationToken);
            return response.StatusCode;
        }));
    }

    private static Task<GatewayHost> StartAsync(RenewingUpstream upstream, string client, TimeProvider? time = null) =>
        GatewayHost.StartAsync(options =>
        {
            options.Time = time;
            options.Settings = ShippedSettings.With(
                ("Upstream", """{ "EventTimeout": "00:01:00", "ConnectTimeout": "00:01:00" }"""),
                ("ReverseProxy", Destinations.Section(
                    $$""", "HttpClient": { "DangerousAcceptAnyServerCertificate": true {{client}} } """,
                    ("a", $$"""{ "Address": "{{upstream.BaseUrl}}" }"""))));
        });
}
