using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.EndToEnd;

/// <summary>
/// Promise: usage, metrics and explanations are at an address of their own, where one is set, and nowhere else. The gateways run as
/// processes: metrics are counted by the process.
/// </summary>
public sealed class AdminTests : IClassFixture<AdminTests.Fixture>
{
    private const string Token = "adm-51b7e0c2";
    private readonly GatewayPair _pair;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public AdminTests(Fixture fixture)
    {
        _pair = fixture.Pair;
    }

    [Fact]
    public async Task RefusedUpgrade_IsFound()
    {
        using var admin = await ClientAsync(_pair);
        var refused = await _pair.SendAsync(
            "GET", "/v1/responses", ["Authorization: Bearer k", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13"], []);
        Assert.Equal(426, refused.Status);

        var found = await Eventually.GetAsync(
            async () =>
            {
                using var answer = await admin.GetAsync($"/admin/requests/{refused.Head.Header("x-request-id")}", Stop);
                return answer.IsSuccessStatusCode ? await answer.Content.ReadAsStringAsync(Stop) : null;
            },
            "the refused request");
        Assert.Contains("\"code\":\"upgrade_not_supported\"", found, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Metrics_ShowRequestsAndRefusals()
    {
        await using var pair = await GatewayPair.StartAsync(Configure);
        using var admin = await ClientAsync(pair);
        await pair.GetAsync("/health");
        Assert.Equal(200, (await pair.ChatAsync("a/b")).Status);
        Assert.Equal(400, (await pair.PostAsync("/v1/chat/completions", "[")).Status);

        var metrics = await Eventually.GetAsync(
            async () => await admin.GetStringAsync("/metrics", Stop) is var text
                && text.Contains("end=\"completed\"", StringComparison.Ordinal)
                && text.Contains("end=\"refused\"", StringComparison.Ordinal)
                && text.Contains("gateway_refusals_total{", StringComparison.Ordinal) ? text : null,
            "the requests in the metrics");

        const string Completed = "end=\"completed\",endpoint=\"/chat/completions\",status_class=\"2xx\",team=\"\"";
        const string Refused = "end=\"refused\",endpoint=\"/chat/completions\",status_class=\"4xx\",team=\"\"";
        Assert.Contains($"gateway_requests_total{{{Completed}}} 1\n", metrics, StringComparison.Ordinal);
        Assert.Contains($"gateway_requests_total{{{Refused}}} 1\n", metrics, StringComparison.Ordinal);
        Assert.Matches("gateway_refusals_total\\{code=\"[a-z_]+\",team=\"\"\\} 1\n", metrics);
        Assert.Contains($"gateway_settings_info{{version=\"{await pair.Gateway.VersionAsync()}\"}} 1", metrics, StringComparison.Ordinal);
        Assert.Contains("gateway_reload_succeeded{} 1", metrics, StringComparison.Ordinal);
        Assert.Contains("kestrel_active_connections{", metrics, StringComparison.Ordinal);
        Assert.DoesNotContain("sk-or-v1-test", metrics, StringComparison.Ordinal);

        // Probes are requests of no team.
        Assert.DoesNotContain("endpoint=\"other\"", metrics, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Usage_IsEmptyWithoutTeams()
    {
        using var admin = await ClientAsync(_pair);
        using var json = await admin.GetAsync("/admin/usage?group=model&from=2026-11-01", Stop);
        using var request = new HttpRequestMessage(HttpMethod.Get, "/admin/usage");
        request.Headers.Add("Accept", "text/csv");
        using var csv = await admin.SendAsync(request, Stop);

        Assert.Equal("""{"rows":[]}""", await json.Content.ReadAsStringAsync(Stop));
        Assert.Equal("application/json", json.Content.Headers.ContentType?.ToString());
        Assert.Equal("no-store", json.Headers.CacheControl?.ToString());
        Assert.Equal("team,requests,prompt_tokens,completion_tokens,cost_usd,unresolved\r\n", await csv.Content.ReadAsStringAsync(Stop));
        Assert.Equal("text/csv; charset=utf-8", csv.Content.Headers.ContentType?.ToString());
    }

    [Fact]
    public async Task Health_ShowsTheWholeState()
    {
        using var admin = await ClientAsync(_pair);
        using var page = JsonDocument.Parse(await admin.GetStringAsync("/admin/health", Stop));

        Assert.Equal(
            ["status", "version", "restart_required", "loaded_at", "last_reload", "restart_required_by", "limit_store_fault"],
            page.RootElement.EnumerateObject().Select(member => member.Name));
        Assert.Equal(await _pair.Gateway.VersionAsync(), page.RootElement.GetProperty("version").GetString());
        Assert.Equal(JsonValueKind.Null, page.RootElement.GetProperty("last_reload").GetProperty("at").ValueKind);
    }

    [Theory]
    [InlineData("from=9999-12-31T23:59:59Z")]
    [InlineData("to=9999-12-31T23:59:59Z")]
    [InlineData("from=0001-01-01")]
    public async Task Usage_TakesEveryTime(string query)
    {
        using var admin = await ClientAsync(_pair);

        Assert.StartsWith("{\"rows\":[", await admin.GetStringAsync($"/admin/usage?{query}", Stop), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("GET", "/admin/usage?group=x", 400, "invalid_parameter")]
    [InlineData("POST", "/admin/usage", 405, "method_not_allowed")]
    [InlineData("DELETE", "/metrics", 405, "method_not_allowed")]
    [InlineData("GET", "/admin/explain", 405, "method_not_allowed")]
    [InlineData("POST", "/", 405, "method_not_allowed")]
    [InlineData("GET", "/dashboard", 404, "not_found")]
    [InlineData("GET", "/health", 404, "not_found")]
    [InlineData("GET", "/metrics/x", 404, "not_found")]
    [InlineData("GET", "/v1/models", 404, "not_found")]
    public async Task Refusal_IsAnErrorOfTheGateway(string method, string path, int status, string code)
    {
        using var admin = await ClientAsync(_pair);
        using var request = new HttpRequestMessage(new HttpMethod(method), path);
        using var answer = await admin.SendAsync(request, Stop);

        Assert.Equal(status, (int)answer.StatusCode);
        Assert.Equal(code, await CodeAsync(answer));
        Assert.Equal("no-store", answer.Headers.CacheControl?.ToString());
    }

    [Theory]
    [InlineData("/metrics")]
    [InlineData("/admin/usage")]
    [InlineData("/nothing")]
    public async Task WithoutAToken_AForeignHostIsRefused(string path)
    {
        using var answer = await GetAsync(path, "Host", "rebound.example");

        Assert.Equal(HttpStatusCode.Forbidden, answer.StatusCode);
        Assert.Equal("host_not_allowed", await CodeAsync(answer));
    }

    [Theory]
    [InlineData("/")]
    [InlineData("/admin/usage")]
    [InlineData("/admin/health")]
    [InlineData("/metrics")]
    [InlineData("/nothing")]
    public async Task PagesOfOtherOrigins_ReadNothing(string path)
    {
        using var answer = await GetAsync(path, "Origin", "https://evil.example");

        Assert.False(answer.Headers.Contains("Access-Control-Allow-Origin"));
        Assert.Equal("nosniff", Assert.Single(answer.Headers.GetValues("X-Content-Type-Options")));
    }

    /// <summary>The request with such a body would be a 400, too.</summary>
    [Theory]
    [InlineData("{\"body\":{\"model\":\"\u00ff\"}}")]
    [InlineData("{\"body\":{\"model\":\"openai/gpt-4o\",\"x\u00ff\":1}}")]
    public async Task Explain_OfABodyThatIsNoUtf8_IsA400(string latin1)
    {
        using var admin = await ClientAsync(_pair);
        using var content = new ByteArrayContent(Encoding.Latin1.GetBytes(latin1));
        content.Headers.ContentType = new("application/json");

        using var answer = await admin.PostAsync("/admin/explain", content, Stop);

        using var json = JsonDocument.Parse(await answer.Content.ReadAsStringAsync(Stop));
        Assert.Equal(400, json.RootElement.GetProperty("status").GetInt32());
    }

    [Theory]
    [InlineData("https://evil.example", "application/json", 403, "origin_not_allowed")]
    [InlineData(null, "text/plain", 415, "unsupported_media_type")]
    [InlineData(null, "application/x-www-form-urlencoded", 415, "unsupported_media_type")]
    public async Task Explain_IsNotForFormsOfOtherPages(string? origin, string type, int status, string code)
    {
        using var admin = await ClientAsync(_pair);
        using var request = new HttpRequestMessage(HttpMethod.Post, "/admin/explain")
        {
            Content = new StringContent("""{"model":"mistralai/x"}""", Encoding.UTF8, type),
        };
        if (origin is not null)
        {
            request.Headers.Add("Origin", origin);
        }

        using var answer = await admin.SendAsync(request, Stop);

        Assert.Equal(status, (int)answer.StatusCode);
        Assert.Equal(code, await CodeAsync(answer));
    }

    [Theory]
    [InlineData("/", "text/html; charset=utf-8")]
    [InlineData("/dashboard.css", "text/css; charset=utf-8")]
    [InlineData("/dashboard.js", "text/javascript; charset=utf-8")]
    public async Task DashboardFile_IsOnlyForItsOwnPage_AndSentOnce(string path, string type)
    {
        using var admin = await ClientAsync(_pair);
        using var answer = await admin.GetAsync(path, Stop);
        using var again = new HttpRequestMessage(HttpMethod.Get, path);
        again.Headers.IfNoneMatch.Add(answer.Headers.ETag!);
        using var known = await admin.SendAsync(again, Stop);

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal(type, answer.Content.Headers.ContentType?.ToString());
        Assert.Equal("no-cache", answer.Headers.CacheControl?.ToString());
        Assert.Equal("no-referrer", Assert.Single(answer.Headers.GetValues("Referrer-Policy")));
        Assert.Equal("nosniff", Assert.Single(answer.Headers.GetValues("X-Content-Type-Options")));
        Assert.Equal(
            "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; "
            + "form-action 'none'; frame-ancestors 'none'",
            Assert.Single(answer.Headers.GetValues("Content-Security-Policy")));
        Assert.Equal(HttpStatusCode.NotModified, known.StatusCode);
        Assert.Equal(answer.Headers.ETag, known.Headers.ETag);
        Assert.Empty(await known.Content.ReadAsByteArrayAsync(Stop));
    }

    [Fact]
    public async Task Rules_AreListedInTheirOrder()
    {
        using var admin = await ClientAsync(_pair);

        var version = $"\"version\":\"{await _pair.Gateway.VersionAsync()}\",";
        var rules = await admin.GetStringAsync("/admin/rules", Stop);

        Assert.Contains(version, rules, StringComparison.Ordinal);
        Assert.Equal(
            """{"teams":0,"rules":[{"name":"eu","models":["mistralai/*"],"mode":"KeepClient","source":"ProviderMapping:Rules:0","provider":{"only":["mistral"]}}],"aliases":[]}""",
            rules.Replace(version, "", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Explain_SaysWhatTheCommandPrints()
    {
        using var admin = await ClientAsync(_pair);
        using var answer = await PostAsync(admin, """{"body":{"model":"mistralai/x","seed":1e2},"path":"/v1/chat/completions"}""");

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        using var json = JsonDocument.Parse(await answer.Content.ReadAsStringAsync(Stop));
        var text = json.RootElement.GetProperty("text").GetString();
        Assert.Contains("rule eu: ", text, StringComparison.Ordinal);
        Assert.Contains("\"seed\": 1e2", text, StringComparison.Ordinal);
        Assert.Contains("+   \"provider\": {", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Explain_HasTheVerdictForPrograms()
    {
        using var admin = await ClientAsync(_pair);
        using var allowed = await PostAsync(admin, """{"body":{"model":"mistralai/x"}}""");
        using var refused = await PostAsync(admin, """{"body":{"model":"mistralai/x","provider":7},"path":"/v1/messages"}""");
        using var allowedJson = JsonDocument.Parse(await allowed.Content.ReadAsStringAsync(Stop));
        using var refusedJson = JsonDocument.Parse(await refused.Content.ReadAsStringAsync(Stop));

        Assert.Equal(
            """{"model":"mistralai/x","provider":{"only":["mistral"]}}""", allowedJson.RootElement.GetProperty("body").GetString());
        Assert.False(allowedJson.RootElement.TryGetProperty("error", out _));
        Assert.Equal(400, refusedJson.RootElement.GetProperty("status").GetInt32());
        Assert.Equal(
            """{"type":"error","error":{"type":"invalid_request_error","message":"'provider' must be an object."}}""",
            refusedJson.RootElement.GetProperty("error").GetRawText());
        Assert.False(refusedJson.RootElement.TryGetProperty("body", out _));
    }

    [Theory]
    [InlineData("{}", null)]
    [InlineData("[]", null)]
    [InlineData("{", null)]
    [InlineData("""{"model":""}""", "model")]
    [InlineData("""{"model":1}""", "model")]
    [InlineData("""{"model":"a","path":"v1"}""", "path")]
    [InlineData("""{"body":"x"}""", "body")]
    [InlineData("""{"model":"a/b","path":"/\ud800"}""", "path")]
    [InlineData("""{"model":"a/b","path":"\ud800"}""", "path")]
    [InlineData("""{"model":"a/b","team":"\udc00"}""", "team")]
    [InlineData("""{"model":"a\ud800"}""", "model")]
    [InlineData("""{"model":"a/b","\ud800":1}""", null)]
    [InlineData("""{"\udc00model":"a/b"}""", null)]
    [InlineData("""{"model":"a","team":"nobody"}""", "team")]
    [InlineData("""{"model":"a","body":{"model":"b"}}""", "model")]
    [InlineData("""{"model":"a","x":1}""", null)]
    public async Task BadQuestion_IsA400(string question, string? member)
    {
        using var admin = await ClientAsync(_pair);
        using var answer = await PostAsync(admin, question);

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        using var json = JsonDocument.Parse(await answer.Content.ReadAsStringAsync(Stop));
        Assert.Equal(member, json.RootElement.GetProperty("error").GetProperty("param").GetString());
    }

    [Fact]
    public async Task LargeQuestion_IsA413()
    {
        using var admin = await ClientAsync(_pair);
        await using var client = await RawHttpClient.ConnectAsync(admin.BaseAddress!);

        // The length alone decides. A client that sends the body as well may find the connection closed before it has read the answer.
        await client.SendAsync(
            $"POST /admin/explain HTTP/1.1\r\nHost: {client.Authority}\r\nContent-Type: application/json\r\nContent-Length: {1100 * 1024}\r\n\r\n");

        Assert.Equal(413, (await client.ReadHeadAsync()).Status);
    }

    [Theory]
    [InlineData("/metrics")]
    [InlineData("/admin/usage")]
    [InlineData("/admin/explain")]
    [InlineData("/admin/rules")]
    [InlineData("/dashboard.js")]
    public async Task PublicPort_ServesNoneOfIt(string path)
    {
        Assert.Equal(404, (await _pair.GetAsync(path)).Status);
    }

    [Fact]
    public async Task Token_IsAskedForEverywhereAndNeverShown()
    {
        await using var pair = await GatewayPair.StartAsync(options =>
        {
            options.OutOfProcess = true;
            options.Settings = ShippedSettings.With(("Admin", $$"""{ "Url": "http://127.0.0.1:0", "Token": "{{Token}}" }"""));
        });
        using var admin = await ClientAsync(pair);
        foreach (var path in (string[])["/", "/dashboard.js", "/metrics", "/admin/usage", "/nothing"])
        {
            using var refused = await admin.GetAsync(path, Stop);
            Assert.Equal(HttpStatusCode.Unauthorized, refused.StatusCode);
            Assert.Equal("Basic realm=\"OpenRouterGateway\", charset=\"UTF-8\"", refused.Headers.WwwAuthenticate.ToString());
            Assert.Equal("invalid_admin_token", await CodeAsync(refused));
        }

        admin.DefaultRequestHeaders.Add("Authorization", "Bearer " + Token);
        admin.DefaultRequestHeaders.Host = "gateway.internal";
        Assert.Equal("""{"rows":[]}""", await admin.GetStringAsync("/admin/usage", Stop));
        Assert.DoesNotContain(Token, await admin.GetStringAsync("/metrics", Stop), StringComparison.Ordinal);
        Assert.DoesNotContain(Token, pair.Gateway.Log.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task LocalhostWithoutAPort_GetsOneOfTheSystem()
    {
        await using var pair = await GatewayPair.StartAsync(
            static options => options.Settings = ShippedSettings.With(("Admin", """{ "Url": "http://localhost:0" }""")));
        using var admin = await ClientAsync(pair);

        using var answer = await admin.GetAsync("/admin/health", TestContext.Current.CancellationToken);

        Assert.Equal(200, (int)answer.StatusCode);
    }

    [Fact]
    public async Task WithoutAUrl_ThereIsNoListener()
    {
        await using var pair = await GatewayPair.StartAsync(options => options.HasLog = true);
        await pair.Gateway.Log.WaitForAsync(line => line.Contains("forwards to", StringComparison.Ordinal), "the start");

        Assert.DoesNotContain(pair.Gateway.Log.All, line => line.Contains("\"RequiresToken\"", StringComparison.Ordinal));
        Assert.Equal(404, (await pair.GetAsync("/metrics")).Status);
        Assert.Equal(404, (await pair.GetAsync("/admin/usage")).Status);
    }

    [Fact]
    public async Task Otlp_TakesMetricsWithoutAnAdminAddress()
    {
        await using var collector = await RecordingUpstream.StartAsync();
        await using var pair = await GatewayPair.StartAsync(options =>
        {
            options.Environment["OTEL_EXPORTER_OTLP_ENDPOINT"] = collector.Address;
            options.Environment["OTEL_EXPORTER_OTLP_PROTOCOL"] = "http/protobuf";
            options.Environment["OTEL_TRACES_EXPORTER"] = "none";
            options.Environment["OTEL_METRIC_EXPORT_INTERVAL"] = "200";
            options.Environment["OTEL_SERVICE_NAME"] = "our-gateway";
        });
        Assert.Equal(200, (await pair.ChatAsync("a/b")).Status);

        var version = await pair.Gateway.VersionAsync();
        await Eventually.TrueAsync(() => Sent().Any(static body => body.Contains("gateway.requests", StringComparison.Ordinal)), "the count of requests");
        await pair.Gateway.Process.TerminateAsync();
        Assert.Equal(0, (await pair.Gateway.Process.WaitForExitAsync()).ExitCode);

        Assert.Contains(Sent(), body => body.Contains("gateway.settings.info", StringComparison.Ordinal) && body.Contains(version, StringComparison.Ordinal));
        Assert.All(Sent(), static body => Assert.Contains("our-gateway", body, StringComparison.Ordinal));
        Assert.All(Sent(), static body => Assert.DoesNotContain("openrouter-gateway", body, StringComparison.Ordinal));

        List<string> Sent() => [.. collector.All.Select(static request => Encoding.UTF8.GetString(request.Body))];
    }

    [Fact]
    public async Task TakenAddress_IsAFaultOfTheStart()
    {
        using var taken = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        taken.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        taken.Listen();
        var port = ((IPEndPoint)taken.LocalEndPoint!).Port;

        var output = await StartAsync($$"""{ "Url": "http://127.0.0.1:{{port}}" }""");

        Assert.Equal(2, output.ExitCode);
        Assert.StartsWith($"Admin:Url: cannot listen on 127.0.0.1:{port}: ", output.Error, StringComparison.Ordinal);
        Assert.Single(output.Error.Trim().Split('\n'));
        Assert.DoesNotContain("   at ", output.All, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{ "Url": "http://0.0.0.0:0" }""", "Admin:Token")]
    [InlineData("""{ "Url": "https://127.0.0.1:0" }""", "Admin:Url")]
    public async Task AddressThatIsNotSafe_IsAFaultOfTheStart(string admin, string setting)
    {
        var output = await StartAsync(admin);

        Assert.Equal(2, output.ExitCode);
        Assert.StartsWith(setting, output.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", output.All, StringComparison.Ordinal);
    }

    [Fact]
    public async Task UsageCommand_WithoutALedger_NamesItsPathAndMakesNone()
    {
        using var folder = new TempFolder();
        folder.Write("appsettings.json", ShippedSettings.Text);

        var output = await GatewayCommandRun.RunAsync(["usage", "--group", "model"], folder.Path);

        Assert.Equal(1, output.ExitCode);
        Assert.Equal(
            $"Usage:Sqlite:Path: there is no ledger at {folder.File("data/usage.db")}; a relative path starts at the working directory",
            output.All.Trim());
        Assert.Equal(["appsettings.json"], Directory.EnumerateFileSystemEntries(folder.Path).Select(Path.GetFileName));
    }

    private static void Configure(GatewayHostOptions options)
    {
        options.Settings = ShippedSettings.With(
            ("Admin", """{ "Url": "http://127.0.0.1:0" }"""),
            ("ProviderMapping", """{ "Rules": [{ "Name": "eu", "Model": "mistralai/*", "Provider": { "only": ["mistral"] } }] }"""));
    }

    private static Task<HttpClient> ClientAsync(GatewayPair pair) => pair.Gateway.AdminClientAsync();

    [Theory]
    [InlineData("v1")]
    [InlineData("/v1/%00")]
    [InlineData("/v1/\\u0000")]
    public async Task Explain_OfAPathThatNoRequestCanHave_IsA400(string path)
    {
        using var admin = await ClientAsync(_pair);

        using var answer = await PostAsync(admin, $$"""{"model":"m","path":"{{path}}"}""");

        Assert.Equal((400, "invalid_question"), ((int)answer.StatusCode, await CodeAsync(answer)));
    }

    /// <summary>Sends a request with one header of its own.</summary>
    private async Task<HttpResponseMessage> GetAsync(string path, string header, string value)
    {
        using var admin = await ClientAsync(_pair);
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        request.Headers.Add(header, value);
        return await admin.SendAsync(request, Stop);
    }

    private static Task<HttpResponseMessage> PostAsync(HttpClient admin, string question) =>
        admin.PostAsync("/admin/explain", new StringContent(question, Encoding.UTF8, "application/json"));

    private static async Task<string?> CodeAsync(HttpResponseMessage answer)
    {
        using var json = JsonDocument.Parse(await answer.Content.ReadAsStringAsync(Stop));
        return json.RootElement.GetProperty("error").GetProperty("code").GetString();
    }

    private static async Task<GatewayOutput> StartAsync(string admin)
    {
        using var folder = new TempFolder();
        folder.Write("appsettings.json", ShippedSettings.With(("Admin", admin)));
        return await GatewayCommandRun.RunAsync(["--ip", "127.0.0.1", "--port", "0"], folder.Path);
    }

    public sealed class Fixture : GatewayFixture
    {
        private protected override void Configure(GatewayHostOptions options) => AdminTests.Configure(options);
    }
}
