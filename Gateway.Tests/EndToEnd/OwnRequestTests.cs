using System.Net;
using System.Net.Sockets;
using System.Text.Json.Nodes;
using FakeOpenRouter;
using Gateway.Billing;
using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.EndToEnd;

/// <summary>
/// Promise: the gateway asks for prices and bills the way it sends calls: through the cluster's HTTP client, to the destination that served
/// the call, else to any that is available.
/// </summary>
public sealed class OwnRequestTests
{
    [Fact]
    public async Task ClusterProxy_CarriesCallsPricesAndBills()
    {
        await using var upstream = await FakeOpenRouterServer.StartAsync();
        await using var proxy = new EgressProxy();
        await using var team = await StartAsync(upstream, WebProxy(proxy), ("only", upstream.BaseUrl));

        await SettleCutStreamAsync(team);

        Assert.Contains($"GET {upstream.BaseUrl}/models?output_modalities=all", proxy.Requests);
        Assert.Contains($"POST {upstream.BaseUrl}/chat/completions", proxy.Requests);
        Assert.Contains(proxy.Requests, request => request.StartsWith($"GET {upstream.BaseUrl}/generation?id=", StringComparison.Ordinal));
        Assert.All(
            upstream.Requests.All, request => Assert.Contains($"{request.Method} {upstream.RootUrl}{request.Target}", proxy.Requests));
    }

    [Fact]
    public async Task ClusterTls_HoldsForCallsPricesAndBills()
    {
        await using var upstream = await FakeOpenRouterServer.StartAsync();
        await using var tls = new TlsFront(upstream.RootUrl);
        await using var proxy = new EgressProxy();
        await using var team = await StartAsync(
            upstream, AnyCertificate + ", " + WebProxy(proxy), ("only", tls.Url + "/api/v1"));

        await SettleCutStreamAsync(team);

        Assert.NotEmpty(proxy.Requests);
        Assert.All(proxy.Requests, request => Assert.Equal($"CONNECT 127.0.0.1:{tls.Port}", request));
    }

    [Theory]
    [InlineData("HTTP_PROXY")]
    [InlineData("all_proxy", true)]
    public async Task ProxyVariable_CarriesCallsPricesAndBills(string name, bool isTls = false)
    {
        await using var upstream = await FakeOpenRouterServer.StartAsync();
        await using var tls = new TlsFront(upstream.RootUrl);
        await using var proxy = new EgressProxy();
        await using var team = await StartAsync(
            upstream, AnyCertificate, [("only", isTls ? tls.Url + "/api/v1" : upstream.BaseUrl)], (name, proxy.Url));

        await SettleCutStreamAsync(team);

        Assert.NotEmpty(proxy.Requests);
        Assert.All(
            upstream.Requests.All,
            request => Assert.Contains(
                isTls ? $"CONNECT 127.0.0.1:{tls.Port}" : $"{request.Method} {upstream.RootUrl}{request.Target}", proxy.Requests));
    }

    [Fact]
    public async Task ProxyVariable_MayHoldUserAndPassword()
    {
        await using var upstream = await FakeOpenRouterServer.StartAsync();
        await using var tls = new TlsFront(upstream.RootUrl);
        await using var proxy = new EgressProxy("user:secret");
        await using var team = await StartAsync(
            upstream,
            AnyCertificate,
            [("only", tls.Url + "/api/v1")],
            ("HTTPS_PROXY", proxy.Url.Replace("//", "//user:secret@", StringComparison.Ordinal)));

        await SettleCutStreamAsync(team);

        Assert.NotEmpty(proxy.Requests);
        Assert.DoesNotContain("secret", team.Gateway.Log.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task NoProxyVariable_KeepsCallsPricesAndBillsDirect()
    {
        await using var upstream = await FakeOpenRouterServer.StartAsync();
        await using var proxy = new EgressProxy();
        await using var team = await StartAsync(
            upstream, AnyCertificate, [("only", upstream.BaseUrl)], ("HTTP_PROXY", proxy.Url), ("NO_PROXY", "127.0.0.1,.example"));

        await SettleCutStreamAsync(team);

        Assert.Empty(proxy.Requests);
    }

    [Fact]
    public async Task ClusterProxy_GoesBeforeTheVariables()
    {
        await using var upstream = await FakeOpenRouterServer.StartAsync();
        await using var ofTheHost = new EgressProxy();
        await using var ofTheCluster = new EgressProxy();
        await using var team = await StartAsync(
            upstream, WebProxy(ofTheCluster), [("only", upstream.BaseUrl)], ("HTTP_PROXY", ofTheHost.Url));

        await SettleCutStreamAsync(team);

        Assert.Empty(ofTheHost.Requests);
        Assert.Contains($"GET {upstream.BaseUrl}/models?output_modalities=all", ofTheCluster.Requests);
    }

    [Fact]
    public async Task FirstDestinationIsDead_TheSecondGivesPricesAndBills()
    {
        await using var upstream = await FakeOpenRouterServer.StartAsync();
        using var dead = new Socket(SocketType.Stream, ProtocolType.Tcp);

        // Bound, so that no other process gets the port, and not listening: connections are refused.
        dead.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        await using var team = await StartAsync(
            upstream, "", ("a-dead", $"http://127.0.0.1:{((IPEndPoint)dead.LocalEndPoint!).Port}/api/v1"), ("b-alive", upstream.BaseUrl));
        Assert.True(File.Exists(team.PricesPath));

        await using var call = await OpenServedStreamAsync(team, "x-fake-events: 20", "x-fake-cut-after: 6");
        var row = await team.ClosedRowAsync(team.Bill(call.Id));

        Assert.Equal(GenerationState.Settled, row.State);
        Assert.Equal((long)team.Bill(call.Id).Cost, row.CostPico);
        Assert.Equal("b-alive", row.Destination);
    }

    [Fact]
    public async Task Bill_IsAskedForWhereTheCallWasServed()
    {
        await using var one = await FakeOpenRouterServer.StartAsync(new FakeOpenRouterOptions { Seed = 1111111111 });
        await using var two = await FakeOpenRouterServer.StartAsync(new FakeOpenRouterOptions { Seed = 2222222222 });
        await using var team = await StartAsync(one, "", ("a", one.BaseUrl), ("b", two.BaseUrl));
        for (var i = 0; i < 2; i++)
        {
            await using var call = await team.OpenStreamAsync("", "x-fake-events: 20", "x-fake-cut-after: 6");
            Assert.Equal(200, call.Head!.Status);
        }

        // In turn, so each served one, and only it knows the bill.
        foreach (var (upstream, destination) in new[] { (one, "a"), (two, "b") })
        {
            var bill = Assert.Single(upstream.Book.Entries);
            var row = await team.ClosedRowAsync(bill);
            Assert.Equal((GenerationState.Settled, (long?)bill.Cost, destination), (row.State, row.CostPico, row.Destination));
        }
    }

    [Fact]
    public async Task MissingBill_IsNoBillOnlyWhereTheCallWasServed()
    {
        FakeTime.SkipWithPublishedProgram();
        var time = FakeTime.StartNow();
        await using var one = await FakeOpenRouterServer.StartAsync(new FakeOpenRouterOptions { Seed = 1111111111 });
        await using var two = await FakeOpenRouterServer.StartAsync(new FakeOpenRouterOptions { Seed = 2222222222 });
        await using var team = await TeamGateway.StartAsync(new TeamGatewayOptions
        {
            Upstream = one,
            KeepsDestinations = true,
            Sections = [Section("", ("a", one.BaseUrl), ("b", two.BaseUrl))],
            Time = time,
        });
        for (var i = 0; i < 2; i++)
        {
            // An error with a generation's id: whether it costs anything is not known.
            Assert.Equal(500, (await team.ChatAsync("", "x-fake-status: 500", "x-fake-generation-missing: 1")).Status);
        }

        // Its port stays its own: on a free one another test's upstream could answer.
        two.Damages.Set("/generation", "nothing");

        IReadOnlyList<LedgerRow> rows = [];
        await time.AdvanceUntilAsync(
            TimeSpan.FromSeconds(30),
            async () => (rows = await team.RowsAsync()).Any(row => row is { Destination: "a", IsClosed: true })
                && rows.Any(row => row is { Destination: "b", Questions: > 9 }),
            "ten minutes of answers about one, and as many questions about the other");
        var known = rows.Single(row => row.Destination == "a");
        Assert.Equal((GenerationState.Settled, (long?)0), (known.State, known.CostPico));
        var unknown = rows.Single(row => row.Destination == "b");
        Assert.Equal((GenerationState.Provisional, unknown.ReservedPico), (unknown.State, unknown.Charge));
    }

    [Fact]
    public async Task Reload_HoldsForTheNextQuestion()
    {
        await using var one = await FakeOpenRouterServer.StartAsync(new FakeOpenRouterOptions { Seed = 1111111111 });
        await using var two = await FakeOpenRouterServer.StartAsync(new FakeOpenRouterOptions { Seed = 2222222222 });
        await using var proxy = new EgressProxy();
        await using var team = await StartAsync(one, "", ("a", one.BaseUrl));
        await using var before = await team.OpenStreamAsync(
            "", "x-fake-events: 20", "x-fake-cut-after: 6", "x-fake-generation-missing: 1");
        var bill = team.Bill(before.Id);
        await Eventually.TrueAsync(() => Task.FromResult(bill.Questions > 0), "a question to the first destination");

        var settings = JsonNode.Parse(team.Settings())!;
        settings["ReverseProxy"] = JsonNode.Parse(Section(WebProxy(proxy), ("b", two.BaseUrl)).Json);
        await team.Gateway.ReloadAsync(settings.ToJsonString());

        // The destination that served it is gone: any that is there is asked.
        await two.Requests.WaitForAsync(request => request.Query == "?id=" + bill.Id);
        Assert.Contains($"GET {two.BaseUrl}/generation?id={bill.Id}", proxy.Requests);

        await using var after = await team.OpenStreamAsync("", "x-fake-events: 20", "x-fake-cut-after: 6");
        var row = await team.ClosedRowAsync(Assert.Single(two.Book.Entries));
        Assert.Equal((GenerationState.Settled, "b"), (row.State, row.Destination));
    }

    private const string AnyCertificate = "\"DangerousAcceptAnyServerCertificate\": true";

    private static string WebProxy(EgressProxy proxy) => $$""" "WebProxy": { "Address": "{{proxy.Url}}" } """;

    private static Task<TeamGateway> StartAsync(
        FakeOpenRouterServer upstream, string client, params (string Id, string Address)[] destinations) =>
        StartAsync(upstream, client, destinations, []);

    private static Task<TeamGateway> StartAsync(
        FakeOpenRouterServer upstream,
        string client,
        (string Id, string Address)[] destinations,
        params (string Name, string Value)[] variables)
    {
        var options = new TeamGatewayOptions
        {
            Upstream = upstream,
            KeepsDestinations = true,
            Sections = [Destinations.PatientWithHandshakes, Section(client, destinations)],
        };
        foreach (var (name, value) in variables)
        {
            options.Environment[name] = value;
        }

        return TeamGateway.StartAsync(options);
    }

    private static (string Name, string Json) Section(string client, params (string Id, string Address)[] destinations)
    {
        var section = ShippedSettings.Parse()["ReverseProxy"]!;
        section["Clusters"]!["openrouter"] = JsonNode.Parse(
            $$"""
            {
              "LoadBalancingPolicy": "RoundRobin",
              "HttpClient": { {{client}} },
              "Destinations": { {{string.Join(", ", destinations.Select(one => $$"""
                "{{one.Id}}": { "Address": "{{one.Address}}" }
                """))}} }
            }
            """);
        return ("ReverseProxy", section.ToJsonString());
    }

    /// <summary>A stream that breaks before its usage, whose bill has to be asked for.</summary>
    private static async Task SettleCutStreamAsync(TeamGateway team)
    {
        await using var call = await team.OpenStreamAsync("", "x-fake-events: 20", "x-fake-cut-after: 6");
        var row = await team.ClosedRowAsync(team.Bill(call.Id));
        Assert.Equal((GenerationState.Settled, (long?)team.Bill(call.Id).Cost), (row.State, row.CostPico));
    }

    /// <summary>A stream of a live destination: of two in turn, the second call at the latest.</summary>
    private static async Task<TeamCall> OpenServedStreamAsync(TeamGateway team, params string[] lines)
    {
        var call = await team.OpenStreamAsync("", lines);
        if (call.Head!.Status == 502)
        {
            await call.DisposeAsync();
            call = await team.OpenStreamAsync("", lines);
        }

        Assert.Equal(200, call.Head!.Status);
        return call;
    }
}
