using System.Globalization;
using System.Text;
using FakeOpenRouter;
using Gateway.Tests.Documents;
using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.EndToEnd;

/// <summary>
/// Promise: with OTLP configured, a request is a server span in its caller's trace, and each attempt is a client span below it; metrics go
/// the same way.
/// </summary>
public sealed class TraceTests
{
    private const ulong Server = 2;
    private const ulong Client = 3;
    private const ulong Error = 2;
    private const string Caller = "0af7651916cd43dd8448eb211c80319c";
    private const string CallersSpan = "b7ad6b7169203331";
    private const string Canary = "canary-of-the-prompt";

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Request_IsASpanInItsCallersTrace_AndItsAttemptIsBelowIt(bool isGrpc)
    {
        await using var collector = await OtlpReceiver.StartAsync(isGrpc);
        var options = new TeamGatewayOptions { Team = "\"AllowedModels\": [\"openai/*\"]" };
        options.Environment["OTEL_EXPORTER_OTLP_ENDPOINT"] = collector.Address;
        options.Environment["OTEL_EXPORTER_OTLP_PROTOCOL"] = isGrpc ? "grpc" : "http/protobuf";
        options.Environment["OTEL_BSP_SCHEDULE_DELAY"] = "100";
        options.Environment["OTEL_METRIC_EXPORT_INTERVAL"] = "100";
        await using var team = await TeamGateway.StartAsync(options);
        const string Body = $$"""{"model":"{{TeamGateway.Model}}","stream":true,"messages":[{"role":"user","content":"{{Canary}}"}]}""";

        var good = await SendAsync(team, Body, $"traceparent: 00-{Caller}-{CallersSpan}-01", "tracestate: a=b");
        Assert.Equal(200, good.Status);
        Assert.Null(good.Forwarded.Header("traceparent"));
        Assert.Equal(403, (await SendAsync(team, """{"model":"b/x","messages":[]}""")).Status);
        Assert.Equal(400, (await SendAsync(team, Body, "x-fake-status: 400")).Status);
        using (var live = await team.Gateway.Client.GetAsync("/health/live", TestContext.Current.CancellationToken))
        {
            Assert.Equal(200, (int)live.StatusCode);
        }

        // Those that are sent at the end have five seconds in all, in which a busy machine may not even connect.
        await Eventually.TrueAsync(() => collector.Spans.Count == 5, "the spans");
        await Eventually.TrueAsync(
            () => collector.Sums.Any(static sum => sum is { Name: "gateway.requests", Value: 1 }
                && (sum.Attributes["team"], sum.Attributes["endpoint"], sum.Attributes["status_class"], sum.Attributes["end"])
                    == ("search", "/chat/completions", "2xx", "completed")),
            "the counter of requests");
        await team.Gateway.Process.TerminateAsync();
        Assert.Equal(0, (await team.Gateway.Process.WaitForExitAsync()).ExitCode);

        var spans = collector.Spans;
        var server = Assert.Single(spans, static span => span.Trace == Caller && span.Kind == Server);
        Assert.Equal((CallersSpan, $"chat {TeamGateway.Model}", 0UL), (server.Parent, server.Name, server.Status));
        Assert.Equal("chat", server.Attributes["gen_ai.operation.name"]);
        Assert.Equal("openrouter", server.Attributes["gen_ai.provider.name"]);
        Assert.Equal(TeamGateway.Model, server.Attributes["gen_ai.request.model"]);
        Assert.Equal(("POST", "/v1/chat/completions", "/chat/completions", "200"), (
            server.Attributes["http.request.method"], server.Attributes["url.path"], server.Attributes["http.route"],
            server.Attributes["http.response.status_code"]));
        Assert.Equal(("search", "key-1", "completed", "1", "settled"), (
            server.Attributes["gateway.team"], server.Attributes["gateway.key"], server.Attributes["gateway.request.end"],
            server.Attributes["gateway.attempts"], server.Attributes["gateway.bill.state"]));
        Assert.True(int.Parse(server.Attributes["gen_ai.usage.input_tokens"], CultureInfo.InvariantCulture) > 0);
        Assert.NotEmpty(server.Attributes["gen_ai.response.id"]);
        Assert.DoesNotContain("error.type", server.Attributes.Keys);

        var attempt = Assert.Single(spans, static span => span.Trace == Caller && span.Kind == Client);
        Assert.Equal((server.Id, $"chat {TeamGateway.Model}", "127.0.0.1", "200"), (
            attempt.Parent, attempt.Name, attempt.Attributes["server.address"], attempt.Attributes["http.response.status_code"]));

        var refused = Assert.Single(spans, static span => span.Attributes.GetValueOrDefault("error.type") == "model_not_allowed");
        Assert.Equal(("", Server, 0UL, "403"), (refused.Parent, refused.Kind, refused.Status, refused.Attributes["http.response.status_code"]));
        Assert.DoesNotContain(spans, span => span.Parent == refused.Id);

        var failed = Assert.Single(spans, static span => span.Kind == Client && span.Attributes["http.response.status_code"] == "400");
        Assert.Equal((Error, "4xx"), (failed.Status, failed.Attributes["error.type"]));
        Assert.Equal(5, spans.Count);
        foreach (var text in collector.Messages.Select(Encoding.UTF8.GetString))
        {
            Assert.All(
                (string[])[Canary, TeamSetup.Key, TeamSetup.UpstreamKey],
                secret => Assert.DoesNotContain(secret, text, StringComparison.Ordinal));
        }
    }

    /// <summary>The document's table of attributes is complete, and lists no other.</summary>
    [Fact]
    public async Task RepeatedRequest_IsAServerSpanWithAClientSpanForEachAttempt_AndHasTheDocumentedAttributes()
    {
        await using var collector = await OtlpReceiver.StartAsync(isGrpc: false);
        await using var one = await FakeOpenRouterServer.StartAsync();
        await using var two = await FakeOpenRouterServer.StartAsync();
        var options = new TeamGatewayOptions
        {
            Team = "\"AllowedModels\": [\"openai/*\"]",
            Upstream = two,
            KeepsDestinations = true,
            Sections =
            [
                ("ReverseProxy", Destinations.Of(one.BaseUrl, two.BaseUrl)),
                ("ProviderMapping", """{ "Rules": [ { "Name": "first-rule", "Model": "openai/*", "Provider": { "only": ["azure"] } } ] }"""),
            ],
        };
        options.Environment["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"] = collector.Address + "/v1/traces";
        options.Environment["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"] = "http/protobuf";
        options.Environment["OTEL_BSP_SCHEDULE_DELAY"] = "100";
        await using var team = await TeamGateway.StartAsync(options);
        one.Script("x-fake-status: 429", "x-fake-no-generation-id: 1");

        // A request with a script of its own would not get the first upstream's.
        await using (var client = await team.Gateway.ConnectAsync())
        {
            await client.PostAsync("/v1/chat/completions", Encoding.UTF8.GetBytes(TeamGateway.Body()), TeamSetup.Bearer);
            var (head, _) = await client.ReadAsync();
            Assert.Equal((200, "2"), (head.Status, head.Header("x-gateway-attempts")));
        }

        Assert.Equal(403, (await team.ChatAsync("\"model\":\"b/x\"")).Status);
        await Eventually.TrueAsync(() => collector.Spans.Count == 4, "the spans");

        var spans = collector.Spans;
        var server = Assert.Single(spans, static span => span.Attributes.GetValueOrDefault("gateway.attempts") == "2");
        Assert.Equal(Server, server.Kind);
        var attempts = spans.Where(static span => span.Kind == Client).OrderBy(static span => span.Attributes["gateway.destination"]).ToList();
        Assert.All(attempts, span => Assert.Equal((server.Trace, server.Id), (span.Trace, span.Parent)));
        Assert.Equal(
            [("a", "429", null, one.RootUrl), ("b", "200", "1", two.RootUrl)],
            attempts.Select(static span => (
                span.Attributes["gateway.destination"], span.Attributes["http.response.status_code"],
                span.Attributes.GetValueOrDefault("http.request.resend_count"),
                $"http://{span.Attributes["server.address"]}:{span.Attributes["server.port"]}")));
        var bill = Assert.Single(two.Book.Entries);
        Assert.Equal(
            (bill.Model, bill.Id, "stop", bill.Provider, "first-rule"),
            (server.Attributes["gen_ai.response.model"], server.Attributes["gen_ai.response.id"], server.Attributes["gen_ai.response.finish_reasons"],
                server.Attributes["gateway.upstream.provider"], server.Attributes["gateway.rule"]));
        Assert.Equal(
            ((decimal)bill.PromptTokens, (decimal)bill.CompletionTokens, (decimal)bill.Cost / 1e12m),
            (Number("gen_ai.usage.input_tokens"), Number("gen_ai.usage.output_tokens"), decimal.Round(Number("gateway.bill.cost_usd"), 12)));

        var table = MarkdownSection.Read(Path.Combine(Repository.Root, "docs", "operations.md"))
            .Single(static section => section.Heading == "## Traces").TableRows.ToList();
        foreach (var (kind, name) in ((ulong, string)[])[(Server, "server"), (Client, "client")])
        {
            Assert.Equal(
                new MarkdownSection("", [.. table.Where(row => row[1] == name || row[1] == "both").Select(static row => row[0])]).InlineCode,
                spans.Where(span => span.Kind == kind).SelectMany(static span => span.Attributes.Keys).Distinct().Order(StringComparer.Ordinal));
        }

        decimal Number(string attribute) => decimal.Parse(server.Attributes[attribute], NumberStyles.Float, CultureInfo.InvariantCulture);
    }

    [Fact]
    public async Task ForwardedTrace_IsThatOfTheAttempt()
    {
        await using var collector = await OtlpReceiver.StartAsync(isGrpc: false);
        await using var pair = await GatewayPair.StartAsync(options =>
        {
            options.Environment["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"] = collector.Address + "/v1/traces";
            options.Environment["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"] = "http/protobuf";
            options.Environment["OTEL_BSP_SCHEDULE_DELAY"] = "100";
            options.Settings = ShippedSettings.WithValues(("Server:ForwardTraceHeaders", "true"));
        });

        var call = await pair.ChatAsync("a/b", $"traceparent: 00-{Caller}-{CallersSpan}-01");
        await Eventually.TrueAsync(() => collector.Spans.Any(static span => span.Kind == Client), "the attempt's span");
        await pair.Gateway.Process.TerminateAsync();
        await pair.Gateway.Process.WaitForExitAsync();

        var attempt = Assert.Single(collector.Spans, static span => span.Kind == Client);
        Assert.Equal($"00-{Caller}-{attempt.Id}-01", call.Forwarded.Header("traceparent"));
    }

    private static Task<Exchange> SendAsync(TeamGateway team, string body, params string[] lines) =>
        team.PostAsync("/v1/chat/completions", body, lines);
}
