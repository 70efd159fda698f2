using System.Text;
using System.Text.Json;
using Gateway.Teams;
using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.EndToEnd;

/// <summary>
/// Promise: no key, prompt or answer leaves but where it belongs. Marked ones are driven through everything that can happen to a call,
/// then every place that the gateway writes to is searched for the mark.
/// </summary>
public sealed class SecretsTests
{
    private const string Mark = "MARKED";
    private const string Key = "ogw-MARKED-gateway-key";
    private const string Bearer = "x-api-key: " + Key;
    private const string Answer =
        """{"id":"gen-1767225600-77777777","model":"m","choices":[{"message":{"content":"MARKED answer"}}],"usage":{"cost":1}}""";

    // With --verbose, which adds lines to those that are always there.
    [Fact]
    public async Task NoSink_HasAKeyAPromptOrAnAnswer()
    {
        await using var team = await StartAsync();
        var printed = new List<string>();
        var answers = new List<string>();

        // Successes with and without a given body, and the failures that upstream causes.
        var upstreams = await CallAsync("x-fake-status: 200");
        Assert.Equal("Bearer sk-or-v1-MARKED-of-the-file", upstreams.Forwarded.Header("Authorization"));
        Assert.DoesNotContain(Key, string.Join('\n', upstreams.Forwarded.Headers), StringComparison.Ordinal);
        Assert.Contains(Mark, upstreams.Forwarded.BodyText, StringComparison.Ordinal);
        Assert.Equal(200, (await CallAsync("x-fake-body: " + Answer)).Status);
        string[] troubles =
        [
            "x-fake-status: 429", "x-fake-close: 1", "x-fake-cut-after: 1", "x-fake-cut-at-byte: 9", "x-fake-error: 1",
            "x-fake-error-after: 1",
        ];
        foreach (var script in troubles)
        {
            Note(await CallAsync(script));
            Note(await CallAsync(script, "\"stream\":true,"));
        }

        // Refusals, from first to last.
        Note(await CallAsync("x-fake-status: 200", key: "x-api-key: sk-MARKED-of-nobody"), 401);
        Note(await CallAsync("x-fake-status: 200", path: "/v1/keys?q=MARKED"), 403);
        Note(await CallAsync("x-fake-status: 200", "\"stream\":MARKED,"), 400);
        Note(await CallAsync("x-fake-status: 200", "\"provider\":\"MARKED\","), 400);
        Note(await CallAsync("x-fake-status: 200", "\"model\":\"denied/x\","), 403);
        Note(await CallAsync("x-fake-status: 200", "\"max_tokens\":100000000,"), 402);
        Note(await CallAsync("x-fake-status: 200", key: "x-api-key: ogw-MARKED-limited"));
        Note(await CallAsync("x-fake-status: 200", key: "x-api-key: ogw-MARKED-limited"), 429);
        foreach (var (path, status) in ((string, int)[])[("/v1/generation?id=MARKED", 404), ("/v1/key", 200), ("/v1/auth/key", 200), ("/v1/credits", 200)])
        {
            // A busy machine may not read the ledger in time.
            await Eventually.TrueAsync(
                async () =>
                {
                    await using var client = await team.Gateway.ConnectAsync();
                    await client.GetAsync(path, Bearer);
                    var (head, body) = await client.ReadAsync();
                    answers.Add(body.Text + string.Join('\n', head.Headers));
                    return head.Status == status;
                },
                $"a {status} for {path}");
        }

        // A reload with faults, then a good one.
        await team.Gateway.WriteSettingsAsync(
            team.Settings().Replace("file:" + team.Data.File("search.key"), "sk-or-v1-MARKED-literal", StringComparison.Ordinal)
                .Replace("\"Token\":\"env:MARKED_TOKEN\"", "\"Token\":\"\"", StringComparison.Ordinal));
        await team.Gateway.Log.WaitForAsync(
            line => line.Contains("Teams:0:OpenRouterKey", StringComparison.Ordinal), "a fault of the settings");
        answers.Add((await team.Gateway.HealthAsync()).ToString());
        using (var admin = await team.Gateway.AdminClientAsync())
        {
            admin.DefaultRequestHeaders.Add("Authorization", "Bearer " + Environment["MARKED_TOKEN"]);
            var page = await admin.GetStringAsync("/admin/health", TestContext.Current.CancellationToken);
            Assert.Contains("Teams:0:OpenRouterKey", page, StringComparison.Ordinal);
            answers.Add(page);
        }

        var check = await RunAsync("check");
        Assert.Equal(1, check.ExitCode);
        await team.ReloadAsync(TeamMembers + """, "ScopeSessions": true """);
        Note(await CallAsync("x-fake-status: 200", "\"session_id\":\"MARKED\","));
        using (var admin = await team.Gateway.AdminClientAsync())
        {
            admin.DefaultRequestHeaders.Add("Authorization", "Bearer " + Environment["MARKED_TOKEN"]);
            using var document = JsonDocument.Parse(await admin.GetStringAsync("/admin/openapi.json", TestContext.Current.CancellationToken));
            var paths = document.RootElement.GetProperty("paths").EnumerateObject()
                .Where(static path => path.Value.TryGetProperty("get", out _)).Select(static path => path.Name).ToList();
            Assert.Superset(new HashSet<string> { "/admin/requests/{id}", "/admin/teams", "/metrics" }, paths.ToHashSet());
            foreach (var path in paths.Append("/admin/usage?group=team,key,model,provider,rule,month"))
            {
                answers.Add(await admin.GetStringAsync(
                    path.Replace("{id}", upstreams.Head.Header("x-request-id"), StringComparison.Ordinal), TestContext.Current.CancellationToken));
            }
        }

        check = await RunAsync("check");
        Assert.Equal(0, check.ExitCode);
        var explain = await RunAsync("explain", "--model", TeamGateway.Model, "--team", "search");
        Assert.Equal(0, explain.ExitCode);
        answers.Add((await team.Gateway.HealthAsync()).ToString());

        // The gateway is killed in the middle of a stream; the settlement comes after the restart.
        await using (var call = await team.SendAsync("/v1/chat/completions", BodyOf("\"stream\":true,"), Bearer, "x-fake-stall-after: 1"))
        {
            await team.Upstream.Requests.WaitForAsync(request => request.Id == call.Id && request.EventsWritten == 1);
            SearchFiles(team);
            printed.AddRange(team.Gateway.Log.All);
            await team.RestartAsync();
        }

        await Eventually.TrueAsync(
            async () => (await team.RowsAsync()).Where(row => row.GenerationId is not null).All(row => row.IsClosed || row.Status >= 400),
            "closed rows");
        SearchFiles(team);
        await team.Gateway.Process.TerminateAsync();
        var output = await team.Gateway.Process.WaitForExitAsync();
        printed.AddRange(output.All.Split('\n'));
        SearchFiles(team);

        Assert.True(printed.Count > 10);

        // The search includes a line of every phase.
        string[] phases =
        [
            "CallerIdentified", "RulesTried", "BodyEdited", "CallAdmitted", "AttemptSent", "AttemptEnded", "RequestRefused",
        ];
        Assert.All(phases, phase => Assert.Contains(printed, line => line.Contains($"\"Name\":\"{phase}\"", StringComparison.Ordinal)));
        Assert.True((await team.RowsAsync()).Count > 10);
        var found = printed.Concat(answers).Where(text => text.Contains(Mark, StringComparison.OrdinalIgnoreCase)).ToList();
        Assert.True(found.Count == 0, string.Join('\n', found));

        Task<Exchange> CallAsync(string script, string members = "", string key = Bearer, string path = "/v1/chat/completions?q=MARKED") =>
            team.PostAsync(path, BodyOf(members), key, script, "Cookie: MARKED=MARKED", "x-session-id: MARKED");

        void Note(Exchange call, int? status = null)
        {
            if (status is not null)
            {
                Assert.Equal(status, call.Status);
            }

            if (call.Head.Header("x-gateway-error") is not null)
            {
                answers.Add(call.Body.Text + string.Join('\n', call.Head.Headers));
            }
        }

        async Task<GatewayOutput> RunAsync(params string[] arguments)
        {
            var run = await GatewayCommandRun.RunAsync(
                [.. arguments, "--config", team.Gateway.SettingsPath], team.Gateway.Folder.Path, Environment);
            printed.AddRange(run.All.Split('\n'));
            return run;
        }
    }

    // Clients put a key into the URL or the model by mistake. Only the prefix of the key is written, so that an operator sees the mistake.
    [Theory]
    [InlineData("Information")]
    [InlineData("Debug")]
    [InlineData("Trace")]
    public async Task KeyInThePathOrInAName_ReachesNoSink(string level)
    {
        const string OpenRouterKey = "sk-or-v1-MARKED0123456789";
        await using var collector = await OtlpReceiver.StartAsync(isGrpc: false);
        var options = CreateOptions(
            """ "DeniedModels": ["denied/*"] """,
            ("Logging", $$"""
                { "LogLevel": { "Default": "{{level}}", "Gateway": "{{level}}", "Microsoft.AspNetCore": "{{level}}", "Yarp": "{{level}}" } }
                """));
        options.Environment["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"] = collector.Address + "/v1/traces";
        options.Environment["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"] = "http/protobuf";
        options.Environment["OTEL_BSP_SCHEDULE_DELAY"] = "100";
        await using var team = await TeamGateway.StartAsync(options);
        var answers = new List<string>();

        foreach (var path in (string[])["/v1/" + Key, $"/v1/{OpenRouterKey}/models", "/" + Key, $"/v1{Key}", "/v1/models/" + Key])
        {
            Assert.True(await GetAsync(path, Bearer) >= 400);
            Assert.True(await GetAsync(path, "x-api-key: ogw-MARKED-of-nobody") >= 400);
        }

        foreach (var name in (string[])[Key, OpenRouterKey, "openai/" + Key, "denied/" + Key])
        {
            var answer = await team.PostAsync("/v1/chat/completions", BodyOf($"\"model\":\"{name}\","), Bearer, "x-fake-status: 200");
            Assert.Equal(name.StartsWith("denied", StringComparison.Ordinal), answer.Status == 403);
            answers.Add(answer.Status == 403 ? answer.Body.Text : "");
        }

        var repeated = $$$"""{"id":"gen-1767225600-88888888","model":"{{{Key}}}","provider":"{{{OpenRouterKey}}}","choices":[],"usage":{"cost":1,"prompt_tokens":1}}""";
        Assert.Equal(200, (await team.PostAsync("/v1/chat/completions", BodyOf($"\"model\":\"{Key}\","), Bearer, "x-fake-body: " + repeated)).Status);
        using (var admin = await team.Gateway.AdminClientAsync())
        {
            admin.DefaultRequestHeaders.Add("Authorization", "Bearer " + Environment["MARKED_TOKEN"]);
            foreach (var page in (string[])["/admin/requests", "/admin/usage?group=model,provider", "/metrics"])
            {
                answers.Add(await admin.GetStringAsync(page, TestContext.Current.CancellationToken));
                Assert.Contains("ogw-…", answers[^1].Replace("\\u2026", "…", StringComparison.Ordinal), StringComparison.Ordinal);
            }
        }

        // Those that are sent at the end have five seconds in all, in which a busy machine may not even connect.
        await Eventually.TrueAsync(
            () => collector.Spans.Any(static span => span.Attributes.GetValueOrDefault("url.path") == "/v1/ogw-…")
                && collector.Spans.Any(static span => span.Name == "chat ogw-…"),
            "the spans");
        SearchFiles(team);
        await team.Gateway.Process.TerminateAsync();
        var output = await team.Gateway.Process.WaitForExitAsync();
        SearchFiles(team);

        Assert.Contains("\"Path\":\"/v1/ogw-…\"", output.All, StringComparison.Ordinal);
        Assert.Contains("\"Model\":\"sk-or-…\"", output.All, StringComparison.Ordinal);
        Assert.Contains(await team.RowsAsync(), static row => row.Asked == "ogw-…");
        var found = output.All.Split('\n').Concat(answers).Concat(collector.Messages.Select(Encoding.UTF8.GetString))
            .Where(static text => text.Contains(Mark, StringComparison.OrdinalIgnoreCase))
            .ToList();
        Assert.True(found.Count == 0, string.Join('\n', found));

        async Task<int> GetAsync(string path, string key)
        {
            await using var client = await team.Gateway.ConnectAsync();
            await client.GetAsync(path, key);
            var (head, body) = await client.ReadAsync();
            answers.Add(body.Text);
            return head.Status;
        }
    }

    private const string TeamMembers = """ "DeniedModels": ["denied/*"], "Budget": { "Usd": 50 } """;

    private static Dictionary<string, string> Environment => new()
    {
        ["MARKED_TOKEN"] = "MARKED-token-of-the-administrator-0123456789",
        ["UPSTREAM_KEY_OF_LIMITED"] = "sk-or-v1-MARKED-of-the-environment",
    };

    private static string BodyOf(string members)
    {
        var model = members.Contains("\"model\"", StringComparison.Ordinal) ? "" : $"\"model\":\"{TeamGateway.Model}\",";
        return $$"""{ {{model}} {{members}} "user":"MARKED", "messages":[{"role":"user","content":"MARKED prompt"}] }""";
    }

    private static Task<TeamGateway> StartAsync()
    {
        var options = CreateOptions(TeamMembers);
        options.Arguments.Add("--verbose");
        return TeamGateway.StartAsync(options);
    }

    private static TeamGatewayOptions CreateOptions(string teamMembers, params (string Name, string Json)[] sections)
    {
        var options = new TeamGatewayOptions
        {
            OutOfProcess = true,
            Team = teamMembers,
            UpstreamKey = "sk-or-v1-MARKED-of-the-file",
            KeyMore = $$""" }, { "Label": "second", "Sha256": "{{Hash(Key)}}" """,
            MoreTeams = _ =>
            [
                TeamSetup.Team(""" "Limits": { "RequestsPerMinute": 1 } """, "limited", "ogw-MARKED-limited", reference: "env:UPSTREAM_KEY_OF_LIMITED"),
            ],
            Sections = [("Admin", """{ "Url": "http://127.0.0.1:0", "Token": "env:MARKED_TOKEN" }"""), .. sections],
        };
        foreach (var (name, value) in Environment)
        {
            options.Environment[name] = value;
        }

        return options;

        static string Hash(string key) => Convert.ToHexStringLower(GatewayKeys.Hash(key));
    }

    private static void SearchFiles(TeamGateway team)
    {
        foreach (var folder in (string[])[team.Data.Path, team.Gateway.Folder.Path])
        {
            foreach (var file in Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories))
            {
                // A node's lock is empty, and locked. A temporary file may be gone.
                if (Path.GetFileName(file) is not ("search.key" or "appsettings.json")
                    && !file.EndsWith(".tmp", StringComparison.Ordinal)
                    && new FileInfo(file).Length > 0)
                {
                    using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
                    using var bytes = new MemoryStream();
                    stream.CopyTo(bytes);
                    Assert.True(bytes.ToArray().AsSpan().IndexOf(Encoding.UTF8.GetBytes(Mark)) < 0, $"{file} has a secret.");
                }
            }
        }
    }
}
