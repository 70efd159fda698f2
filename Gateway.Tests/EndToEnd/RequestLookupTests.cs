using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Json;
using FakeOpenRouter;
using Gateway.Primitives;
using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.EndToEnd;

/// <summary>
/// Promise: "Why was this call refused" and "Where did this request go and what did it cost" are each one request to the admin address, with
/// the id that the client got.
/// </summary>
public sealed class RequestLookupTests(PostgresServer server)
{
    private const string Path = "/v1/chat/completions";
    private const string LimitedKey = "x-api-key: ogw-limited";

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task EveryRefusalOfATeam_IsFound_AndStrangersAreNot()
    {
        await using var team = await StartAsync();
        using var admin = await team.Gateway.AdminClientAsync();
        Exchange[] strangers =
        [
            await team.ChatAsync("", "x-api-key: nobody's"),
            await team.PostAsync("/nothing", "{}"),
        ];
        Assert.Equal(200, (await team.ChatAsync("", LimitedKey)).Status);
        (string Code, int Status, string Team, string? Model, Exchange Answer)[] refusals =
        [
            ("model_not_allowed", 403, "search", "denied/x", await team.ChatAsync("\"model\":\"denied/x\"")),
            ("endpoint_not_allowed", 403, "search", null, await team.PostAsync("/v1/keys", "{}")),
            ("budget_exceeded", 402, "search", TeamGateway.Model, await team.ChatAsync("\"max_tokens\":100000000")),
            ("rate_limit_exceeded", 429, "limited", TeamGateway.Model, await team.ChatAsync("", LimitedKey)),
            ("invalid_json", 400, "search", null, await team.PostAsync(Path, "[]")),
            ("upstream_unreachable", 502, "search", TeamGateway.Model, await team.ChatAsync("", "x-fake-close: 1")),
        ];

        // Until then the ledger's row is found, which knows less.
        await Eventually.TrueAsync(
            async () => Text(await FindAsync(admin, IdOf(refusals[^1].Answer)), "code") is not null, "the end of the last call");
        foreach (var (code, status, id, model, answer) in refusals)
        {
            var found = await FindAsync(admin, IdOf(answer));
            Assert.Equal(
                (IdOf(answer), code, status, id, "key-1", model, "POST"),
                (Text(found, "request_id"), Text(found, "code"), Number(found, "status"), Text(found, "team"), Text(found, "key"),
                    Text(found, "model"), Text(found, "method")));
            Assert.Equal(answer.Status, status);

            var listed = await ListAsync(admin, $"code={code}&status={status}&team={id}&since=15m");
            Assert.Equal([IdOf(answer)], listed.Select(request => Text(request, "request_id")!));
        }

        var all = (await ListAsync(admin, "limit=10000")).Select(request => Text(request, "request_id")).ToList();
        Assert.Equal(refusals.Length + 1, all.Count);
        Assert.Equal(IdOf(refusals[^1].Answer), all[0]);
        foreach (var stranger in strangers)
        {
            Assert.DoesNotContain(IdOf(stranger), all);
            using var answer = await admin.GetAsync("/admin/requests/" + IdOf(stranger), Stop);
            Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
            using var error = JsonDocument.Parse(await answer.Content.ReadAsStringAsync(Stop));
            Assert.Equal("request_not_found", error.RootElement.GetProperty("error").GetProperty("code").GetString());
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Call_IsFoundByEitherId_WithWhereItWentAndWhatItCost_AlsoByTheNextProcess(bool isSqlite)
    {
        await using var team = await StartAsync(isSqlite ? null : await server.CreateDatabaseAsync());
        var whole = await team.ChatAsync();

        // The next process lists them by the ledger's ids, which are in order by their millisecond.
        var ended = TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds();
        await Eventually.TrueAsync(() => TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds() > ended, "another millisecond");
        var stream = await team.ChatAsync("\"stream\":true");
        var version = await team.Gateway.VersionAsync();

        for (var process = 0; process < 2; process++)
        {
            using var admin = await team.Gateway.AdminClientAsync();
            if (process == 0)
            {
                // Until then the ledger's rows are found, which know less.
                await Eventually.TrueAsync(
                    async () => (await ListAsync(admin, "limit=10")).Count(call => Text(call, "method") is not null) == 2, "the ends of both");
            }

            foreach (var call in (Exchange[])[whole, stream])
            {
                var bill = team.Bill(call);
                var found = await FindAsync(admin, IdOf(call));
                Assert.Equal(found.GetRawText(), (await FindAsync(admin, bill.Id)).GetRawText());
                Assert.Equal(
                    (IdOf(call), bill.Id, "search", "key-1", 200, TeamGateway.Model, "settled", (decimal)bill.Cost / 1e12m),
                    (Text(found, "request_id"), Text(found, "generation_id"), Text(found, "team"), Text(found, "key"), Number(found, "status"),
                        Text(found, "sent_model"), Text(found, "state"), found.GetProperty("cost_usd").GetDecimal()));
                Assert.Equal(
                    (ReferenceEquals(call, stream), "Completed", version, "openrouter"),
                    (found.GetProperty("stream").GetBoolean(), Text(found, "end"), Text(found, "version"), Text(found, "destination")));
                Assert.Equal("file:" + team.Data.File("search.key"), Text(found, "upstream_key"));
                Assert.True(found.GetProperty("prompt_tokens").GetInt64() > 0);
                Assert.True(found.GetProperty("duration_ms").GetDouble() >= 0);
                Assert.Equal(process == 0 ? Path : "/chat/completions", Text(found, "path"));
                Assert.DoesNotContain(found.EnumerateObject(), member => member.Value.ValueKind == JsonValueKind.Null);
            }

            var listed = await ListAsync(admin, $"model={TeamGateway.Model}&limit=10");
            Assert.Equal([IdOf(stream), IdOf(whole)], listed.Select(request => Text(request, "request_id")!));
            Assert.Equal([IdOf(stream)], (await ListAsync(admin, "limit=1")).Select(request => Text(request, "request_id")!));
            if (process == 0)
            {
                await team.RestartAsync();
            }
        }
    }

    /// <summary>The ledger has a row for each attempt.</summary>
    [Theory]
    [InlineData("x-fake-status: 429")]
    [InlineData("x-fake-status: 521", "x-fake-body: <html>", "x-fake-content-type: text/html")]
    [InlineData("x-fake-status: 503", "x-fake-body-base64: ZGF0YTogeyJlcnJvciI6eyJjb2RlIjo1MDN9fQoK", "x-fake-content-type: text/event-stream")]
    public async Task CallOfTwoAttempts_HasTheStatusThatTheClientGot_AlsoForTheNextProcess(params string[] script)
    {
        await using var one = await FakeOpenRouterServer.StartAsync();
        await using var two = await FakeOpenRouterServer.StartAsync();
        await using var team = await StartAsync(upstreams: [one, two]);
        one.Script([.. script, "x-fake-no-generation-id: 1"]);
        await using var client = await team.Gateway.ConnectAsync();
        await client.PostAsync(Path, Encoding.UTF8.GetBytes(TeamGateway.Body()), "x-api-key: " + TeamSetup.Key);
        var (head, _) = await client.ReadAsync();
        Assert.Equal((200, "2"), (head.Status, head.Header("x-gateway-attempts")));
        var dropped = int.Parse(script[0]["x-fake-status: ".Length..], CultureInfo.InvariantCulture);
        for (var process = 0; process < 2; process++)
        {
            using var admin = await team.Gateway.AdminClientAsync();
            await Eventually.TrueAsync(async () => (await ListAsync(admin, "status=200")).Length == 1, "the end of the call");

            var found = Assert.Single(await ListAsync(admin, "status=200"));
            Assert.Equal((head.Header("x-request-id"), "b"), (Text(found, "request_id"), Text(found, "destination")));
            Assert.Empty(await ListAsync(admin, $"status={dropped}"));
            if (process == 0)
            {
                await team.RestartAsync();
            }
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task CutCall_IsOpenUntilItIsSettled_AndThenHasTheLedgersCost(bool isSqlite)
    {
        await using var team = await StartAsync(isSqlite ? null : await server.CreateDatabaseAsync());
        using var admin = await team.Gateway.AdminClientAsync();
        await using var call = await team.OpenStreamAsync(
            "", "x-fake-events: 500", "x-fake-stall-after: 25", "x-fake-generation-status: 404");
        var bill = team.Bill(call.Id);
        var id = call.Head!.Header("x-request-id")!;

        // In flight: the ledger has its row.
        var inFlight = await FindAsync(admin, bill.Id);
        Assert.Equal((id, "reserved", false), (Text(inFlight, "request_id"), Text(inFlight, "state"), inFlight.TryGetProperty("end", out _)));

        await team.Upstream.Requests.WaitForAsync(request => request.Id == call.Id && request.EventsWritten == 25);
        await call.DisposeAsync();
        var open = await Eventually.GetAsync(
            async () => await FindAsync(admin, id) is var found && Text(found, "state") == "provisional" ? found.GetRawText() : null, "the open call");
        Assert.Contains("\"end\":\"ClientLeft\"", open, StringComparison.Ordinal);
        var reserved = decimal.Parse(open.Split("\"cost_usd\":")[1].Split(',')[0], CultureInfo.InvariantCulture);
        Assert.Equal(inFlight.GetProperty("cost_usd").GetDecimal(), reserved);

        bill.Release();
        await Eventually.TrueAsync(async () => Text(await FindAsync(admin, id), "state") == "settled", "the settled call");
        foreach (var settled in (JsonElement[])[await FindAsync(admin, id), (await ListAsync(admin, "team=search")).Single(), (await ListAsync(admin, "limit=1")).Single()])
        {
            Assert.Equal(
                ((decimal)bill.Cost / 1e12m, 25, "ClientLeft"),
                (settled.GetProperty("cost_usd").GetDecimal(), settled.GetProperty("completion_tokens").GetInt32(), Text(settled, "end")));
        }
    }

    [Fact]
    public async Task WithoutMemory_TheLedgerAnswers_AndRefusalsAreNotKept()
    {
        await using var team = await StartAsync(admin: """{ "Url": "http://127.0.0.1:0", "KeepRequests": 0 }""");
        using var admin = await team.Gateway.AdminClientAsync();
        var refused = await team.ChatAsync("\"model\":\"denied/x\"");
        var call = await team.ChatAsync();

        Assert.Equal("settled", Text(await FindAsync(admin, IdOf(call)), "state"));
        Assert.Equal([IdOf(call)], (await ListAsync(admin, "")).Select(request => Text(request, "request_id")!));
        using var answer = await admin.GetAsync("/admin/requests/" + IdOf(refused), Stop);
        Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
    }

    [Fact]
    public async Task WithoutTeams_CallsAreKeptToo()
    {
        await using var gateway = await GatewayHost.StartAsync(options =>
        {
            options.Upstream = "http://127.0.0.1:9";
            options.Settings = ShippedSettings.With(("Admin", """{ "Url": "http://127.0.0.1:0" }"""));
        });
        using var admin = await gateway.AdminClientAsync();
        using var content = new StringContent("""{"model":"openai/gpt-4o","messages":[]}""", new System.Net.Http.Headers.MediaTypeHeaderValue("application/json"));
        using var answer = await gateway.Client.PostAsync(Path, content, Stop);

        var found = await FindAsync(admin, answer.Headers.GetValues("x-request-id").Single());

        Assert.Equal(
            ("openai/gpt-4o", "upstream_unreachable", 502, false),
            (Text(found, "model"), Text(found, "code"), Number(found, "status"), found.TryGetProperty("team", out _)));
    }

    [Theory]
    [InlineData("/admin/requests?team=a%20b", 400, "invalid_parameter")]
    [InlineData("/admin/requests?teams=search", 400, "invalid_parameter")]
    [InlineData("/admin/requests?limit=10001", 400, "invalid_parameter")]
    [InlineData("/admin/requests/unknown", 404, "request_not_found")]
    [InlineData("/admin/requests/%2e%2e", 404, "not_found")]
    [InlineData("/admin/requests/a/b", 404, "not_found")]
    public async Task Fault_IsAnErrorOfTheGateway(string path, int status, string code)
    {
        await using var team = await StartAsync();
        using var admin = await team.Gateway.AdminClientAsync();

        using var answer = await admin.GetAsync(path, Stop);

        using var error = JsonDocument.Parse(await answer.Content.ReadAsStringAsync(Stop));
        Assert.Equal((status, code), ((int)answer.StatusCode, error.RootElement.GetProperty("error").GetProperty("code").GetString()));
    }

    [Fact]
    public async Task NoAnswer_HasAKeyAPromptOrAnAnswer()
    {
        const string Mark = "MARKED";
        await using var team = await StartAsync();
        using var admin = await team.Gateway.AdminClientAsync();
        var body = $$"""{"model":"{{TeamGateway.Model}}","user":"{{Mark}}","messages":[{"role":"user","content":"{{Mark}}"}]}""";
        Exchange[] calls =
        [
            await team.PostAsync(Path + "?q=" + Mark, body, "x-fake-body: {\"id\":\"gen-1767225600-1\",\"choices\":[{\"message\":{\"content\":\"" + Mark + "\"}}]}"),
            await team.PostAsync(Path, body, "x-fake-close: 1"),
            await team.PostAsync(Path, body.Replace(TeamGateway.Model, "denied/x", StringComparison.Ordinal)),
            await team.PostAsync(Path, body[..^1]),
        ];

        var texts = new List<string> { await admin.GetStringAsync("/admin/teams", Stop) };
        foreach (var call in calls)
        {
            texts.Add((await FindAsync(admin, IdOf(call))).GetRawText());
        }

        texts.Add(await admin.GetStringAsync("/admin/requests", Stop));
        Assert.Contains(IdOf(calls[0]), texts[^1], StringComparison.Ordinal);
        Assert.All(texts, text => Assert.All(
            [Mark, TeamSetup.Key, TeamSetup.UpstreamKey], secret => Assert.DoesNotContain(secret, text, StringComparison.Ordinal)));
    }

    [Fact]
    public async Task NameOfAClient_ReachesATerminalEscaped()
    {
        const string Name = "denied/\u001b[31m\u009b\u202e\u2028x";
        await using var team = await StartAsync();
        using var admin = await team.Gateway.AdminClientAsync();
        var call = await team.ChatAsync($"\"model\":{JsonSerializer.Serialize(Name)}");

        var found = await FindAsync(admin, IdOf(call));

        Assert.Equal(Name, Text(found, "model"));
        Assert.False(TerminalText.HasObeyed(found.GetRawText()));
        Assert.False(TerminalText.HasObeyed(await admin.GetStringAsync("/admin/requests", Stop)));
    }

    [Fact]
    public async Task ResponseWithUpstreamsRequestId_IsFoundByIt()
    {
        await using var team = await StartAsync();
        using var admin = await team.Gateway.AdminClientAsync();
        var call = await team.ChatAsync("", "x-fake-header: x-request-id: upstreams-1");
        Assert.Equal("upstreams-1", IdOf(call));

        Assert.Equal("upstreams-1", Text(await FindAsync(admin, "upstreams-1"), "request_id"));
        Assert.Single(await ListAsync(admin, ""));
    }

    [Fact]
    public async Task LookUps_KeepNoRequestWaiting()
    {
        await using var team = await StartAsync();
        using var admin = await team.Gateway.AdminClientAsync();
        using var done = CancellationTokenSource.CreateLinkedTokenSource(Stop);
        var readers = Enumerable.Range(0, 4).Select(async _ =>
        {
            var reads = 0;
            do
            {
                await ListAsync(admin, "limit=10000&model=*");
                reads++;
            }
            while (!done.IsCancellationRequested);

            return reads;
        }).ToList();

        var calls = await Task.WhenAll(Enumerable.Range(0, 8).Select(async _ =>
        {
            var ids = new List<string>();
            for (var i = 0; i < 25; i++)
            {
                var call = await team.ChatAsync();
                Assert.Equal(200, call.Status);
                ids.Add(IdOf(call));
            }

            return ids;
        }));
        await done.CancelAsync();

        Assert.All(await Task.WhenAll(readers), reads => Assert.True(reads > 0));
        var expected = calls.SelectMany(ids => ids).Order(StringComparer.Ordinal).ToList();
        await Eventually.TrueAsync(
            async () => (await ListAsync(admin, "limit=10000")).Select(request => Text(request, "request_id")!).Order(StringComparer.Ordinal).SequenceEqual(expected),
            "all calls in the list, each once");
    }

    private static Task<TeamGateway> StartAsync(
        string? database = null, string admin = """{ "Url": "http://127.0.0.1:0" }""", params FakeOpenRouterServer[] upstreams) =>
        TeamGateway.StartAsync(new TeamGatewayOptions
        {
            Team = """ "DeniedModels": ["denied/*"], "Budget": { "Usd": 1, "Period": "Day" } """,
            MoreTeams = reference =>
            [
                TeamSetup.Team(""" "Limits": { "RequestsPerMinute": 1 } """, "limited", "ogw-limited", reference: reference),
            ],
            Usage = database is null ? null : $$"""{ "Store": "Postgres", "Postgres": { "ConnectionString": "{{database}}" } }""",
            Upstream = upstreams.LastOrDefault(),
            KeepsDestinations = upstreams.Length > 0,
            Sections =
            [
                ("Admin", admin),
                .. upstreams.Length > 0 ? [("ReverseProxy", Destinations.Of([.. upstreams.Select(static upstream => upstream.BaseUrl)]))] : Array.Empty<(string, string)>(),
            ],
        });

    private static string IdOf(Exchange call) => call.Head.Header("x-request-id")!;

    /// <summary>The request, once it has ended.</summary>
    private static async Task<JsonElement> FindAsync(HttpClient admin, string id)
    {
        var text = await Eventually.GetAsync(
            async () =>
            {
                using var answer = await admin.GetAsync("/admin/requests/" + id, Stop);
                return answer.StatusCode == HttpStatusCode.OK ? await answer.Content.ReadAsStringAsync(Stop) : null;
            },
            $"request {id}");
        return Parse(text);
    }

    private static async Task<JsonElement[]> ListAsync(HttpClient admin, string query)
    {
        var document = Parse(await admin.GetStringAsync("/admin/requests?" + query, Stop));
        Assert.False(document.TryGetProperty("incomplete", out _));
        return [.. document.GetProperty("requests").EnumerateArray()];
    }

    private static JsonElement Parse(string text)
    {
        using var json = JsonDocument.Parse(text);
        return json.RootElement.Clone();
    }

    private static string? Text(JsonElement request, string member) => request.TryGetProperty(member, out var value) ? value.GetString() : null;

    private static int? Number(JsonElement request, string member) => request.TryGetProperty(member, out var value) ? value.GetInt32() : null;
}
