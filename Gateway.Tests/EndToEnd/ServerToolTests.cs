using System.Text;
using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.EndToEnd;

/// <summary>
/// Promise: model rights, enforced rules and budgets hold for the tools that OpenRouter executes by itself, in every dialect. The requests
/// of coding agents work under these checks as they do without a gateway.
/// </summary>
public sealed class ServerToolTests : IClassFixture<ServerToolTests.Fixture>
{
    private const string Advisor = """{"type":"openrouter:advisor","parameters":{"model":"anthropic/claude-3-opus"}}""";
    private const string Files = """{"type":"openrouter:files"}""";
    private const string Search = """{"type":"openrouter:web_search"}""";
    private const string Conditions = """{"type":"max_cost","max_cost_in_dollars":0.25},{"type":"step_count_is","step_count":30}""";

    private readonly TeamGateway _gateway;

    public ServerToolTests(Fixture fixture)
    {
        _gateway = fixture.Gateway;
    }

    public static TheoryData<string> Dialects => ["/v1/chat/completions", "/v1/responses", "/v1/messages"];

    // B1 of the list of faults.
    [Theory]
    [InlineData("/v1/chat/completions", $"\"tools\":[{Advisor}]", "anthropic/claude-3-opus")]
    [InlineData("/v1/responses", $"\"tools\":[{Advisor}]", "anthropic/claude-3-opus")]
    [InlineData("/v1/messages", "\"tools\":[{\"model\":\"claude-opus-4\",\"ty\\u0070e\":\"advisor_20260301\"}]", "claude-opus-4")]
    [InlineData("/v1/messages", "\"tools\":[{\"type\":\"advisor_20260301\"}]", "*")]
    [InlineData("/v1/chat/completions", "\"plugins\":[{\"id\":\"fusion\",\"analysis_models\":[\"anthropic/claude-3-opus\"],\"model\":\"openai/gpt-4o-mini\"}]", "anthropic/claude-3-opus")]
    [InlineData("/v1/chat/completions", "\"tools\":[{\"type\":\"openrouter:subagent\",\"parameters\":{\"model\":\"openai/gpt-4o-mini\",\"tools\":[" + Advisor + "]}}]", "anthropic/claude-3-opus")]
    [InlineData("/v1/chat/completions", "\"tools\":[" + Advisor + "],\"tools\":[]", "anthropic/claude-3-opus")]
    [InlineData("/v1/chat/completions", "\"tools\":[{\"type\":\"openrouter:advisor\",\"parameters\":{\"model\":\"anthropic/claude-opus-4\"}}]", "anthropic/claude-opus-4")]
    [InlineData("/v1/chat/completions", "\"plugins\":[{\"id\":\"fusion\",\"analysis_models\":[\"anthropic/claude-opus-4\"]}]", "anthropic/claude-opus-4")]
    [InlineData("/v1/messages", "\"tools\":[{\"type\":\"advisor_20260301\",\"name\":\"advisor\",\"model\":\"anthropic/claude-opus-4\"}]", "anthropic/claude-opus-4")]
    [InlineData("/v1/responses", "\"prompt\":{\"id\":\"pmpt_1\"}", "*")]
    [InlineData("/v1/chat/completions", "\"speed\":\"fast\"", "openai/gpt-4o-mini-fast")]
    [InlineData("/v1/chat/completions", "\"plugins\":[{\"id\":\"auto-router\"}]", "*")]
    [InlineData("/v1/chat/completions", "\"plugins\":[{\"id\":\"auto-router\",\"allowed_models\":[\"openai/gpt-4o-mini\"],\"pin_model\":true}],\"messages\":[{\"role\":\"assistant\",\"model\":\"x/y\"}]", "x/y")]
    [InlineData("/v1/chat/completions", "\"tools\":[{\"type\":\"openrouter:advisor\",\"parameters\":{\"model\":\"openai/gpt-4o-mini\"},\"parameters\":{}}]", "*")]
    [InlineData("/v1/responses", "\"tools\":[{\"type\":\"openrouter:advisor\",\"model\":\"openai/gpt-4o-mini\"}]", "*")]
    [InlineData("/v1/chat/completions", "\"plugins\":[{\"id\":\"auto-router\",\"allowed_models\":[\"openai/gpt-4o-mini\"],\"allowed_models\":[]}]", "*")]
    [InlineData("/v1/chat/completions", "\"plugins\":[{\"id\":\"pareto-router\",\"models\":[\"openai/gpt-4o-mini\"]}]", "*")]
    public async Task ModelOfAServerTool_NeedsTheTeamsRight(string path, string members, string model)
    {
        var call = await PostAsync("rights", path, $$"""{"model":"openai/gpt-4o-mini",{{members}}}""");

        IsRefused(call, path, "model_not_allowed", $"'{model}'");
    }

    // B2.
    [Theory]
    [InlineData("denying", "\"model\":\"openrouter/auto\",\"plugins\":[{\"id\":\"auto-router\",\"allowed_models\":[\"anthropic/claude-3-opus\"]}]", "model_not_allowed", "'anthropic/claude-3-opus'")]
    [InlineData("denying", "\"model\":\"openrouter/auto\",\"plugins\":[{\"id\":\"auto-router\",\"allowed_models\":[\"anthropic/*\"]}]", "model_not_allowed", "'*'")]
    [InlineData("denying", "\"model\":\"openrouter/fusion\"", "model_not_allowed", "'*'")]
    [InlineData("denying", "\"model\":\"openai/gpt-4o-mini\",\"tools\":[{\"type\":\"openrouter:advisor\",\"parameters\":{\"model\":\"openrouter/fusion\"}}]", "model_not_allowed", "'*'")]
    [InlineData("denying", "\"model\":\"openai/gpt-4o-mini\",\"plugins\":[{\"id\":\"auto-router\",\"allowed_models\":[\"openrouter/fusion-flash\"]}]", "model_not_allowed", "'*'")]
    [InlineData("denying", "\"prompt\":{\"id\":\"pmpt_1\"}", "model_not_allowed", "'*'")]
    [InlineData("denying", $"\"tools\":[{Files}]", "server_tool_not_allowed", "'openrouter:files'")]
    [InlineData("spending", $"\"tools\":[{Files}]", "server_tool_not_allowed", "'openrouter:files'")]
    [InlineData("spending", "\"tools\":[{\"type\":\"namespace\",\"name\":\"n\",\"tools\":[" + Files + "]}]", "server_tool_not_allowed", "'openrouter:files'")]
    [InlineData("spending", "\"tools\":[{\"type\":\"shell\"}]", "server_tool_not_allowed", "'shell'")]
    [InlineData("spending", "\"tools\":[{\"type\":\"mcp\",\"server_url\":\"https://x\"}]", "server_tool_not_allowed", "'mcp'")]
    [InlineData("spending", "\"tools\":[{\"type\":\"tomorrow's tool\"}]", "server_tool_not_allowed", "'tomorrow's tool'")]
    [InlineData("spending", "\"mcp_servers\":[{\"url\":\"https://x\"}]", "server_tool_not_allowed", "'mcp'")]
    [InlineData("spending", "\"plugins\":[{\"id\":\"unknown\"}]", "server_tool_not_allowed", "'plugin:unknown'")]
    public async Task ClosedTool_Is403(string team, string members, string code, string named)
    {
        foreach (var path in Dialects)
        {
            var call = await PostAsync(team, path, Body(members));

            IsRefused(call, path, code, named);
        }
    }

    // B3.
    [Theory]
    [InlineData("{\"model\":\"openai/gpt-4o\",\"tools\":[" + Search + "]}", "'openrouter:web_search'")]
    [InlineData("{\"model\":\"openai/gpt-4o\",\"plugins\":[{\"id\":\"web\"}]}", "'plugin:web'")]
    [InlineData("{\"model\":\"openai/gpt-4o:online\"}", "'plugin:web'")]
    [InlineData("{\"model\":\"x/y\",\"prompt\":{\"id\":\"pmpt_1\"}}", "'prompt:pmpt_1'")]
    public async Task EnforcedZdr_ClosesServerTools(string body, string named)
    {
        foreach (var path in Dialects)
        {
            var call = await PostAsync("open", path, body);

            IsRefused(call, path, "server_tool_not_allowed", named);
            Assert.Contains("'zdr'", call.Body.Text, StringComparison.Ordinal);
            Assert.Equal("zdr", call.Head.Header("x-gateway-rule"));
        }
    }

    [Fact]
    public async Task ToolThatTheRuleLists_Passes()
    {
        var call = await PostAsync("open", Dialects.First().Data, """{"model":"openai/gpt-4o","tools":[{"type":"openrouter:datetime"}]}""");

        Assert.Equal(200, call.Status);
        Assert.True(call.ForwardedJson.GetProperty("provider").GetProperty("zdr").GetBoolean());
    }

    // Recorded from the agents; each file names its client and version.
    [Theory]
    [InlineData("codex", true)]
    [InlineData("codex-known-model", true)]
    [InlineData("ai-sdk", true)]
    [InlineData("claude-code", false)]
    [InlineData("claude-code-search", true)]
    [InlineData("claude-code-search-auto", true)]
    [InlineData("opencode", false)]
    [InlineData("opencode-openrouter", false)]
    public async Task RequestOfAnAgent_PassesWithAStopCondition(string name, bool stops)
    {
        var (path, body) = await AgentRequest.ReadAsync(name);

        var call = await PostAsync("agents", path, body);

        Assert.Equal(200, call.Status);
        Assert.Equal(stops ? $",\"stop_server_tools_when\":[{Conditions}]" : "", Splice.Inserted(body, call.Forwarded.Body!));
        Assert.Null(call.Head.Header("x-gateway-removed-tools"));
    }

    [Theory]
    [InlineData("codex", "{\"type\":\"web_search\",\"external_web_access\":true}")]
    [InlineData("codex-known-model", "{\"type\":\"web_search\",\"external_web_access\":true,\"search_content_types\":[\"text\",\"image\"]}")]
    public async Task RequestOfCodex_LosesItsSearchWhereTheTeamRemovesIt(string name, string search)
    {
        var (path, body) = await AgentRequest.ReadAsync(name);

        var call = await PostAsync("removing", path, body);

        Assert.Equal(200, call.Status);
        Assert.Equal("web_search", call.Head.Header("x-gateway-removed-tools"));
        Assert.Equal(body.Replace("," + search, "", StringComparison.Ordinal), Encoding.UTF8.GetString(call.Forwarded.Body!));
    }

    [Fact]
    public async Task SearchOfClaudeCode_CannotBeRemovedWhereItIsForced()
    {
        var (path, body) = await AgentRequest.ReadAsync("claude-code-search");

        IsRefused(await PostAsync("removing", path, body), "/v1/messages", "server_tool_not_allowed", "'web_search_20250305'");
    }

    [Fact]
    public async Task Plugin_CannotBeRemoved()
    {
        const string Path = "/v1/chat/completions";

        IsRefused(await PostAsync("removing", Path, Body("\"plugins\":[{\"id\":\"web\"}]")), Path, "server_tool_not_allowed", "'plugin:web'");
    }

    [Fact]
    public async Task RefusedRequest_DoesNotSayWhatWasRemoved()
    {
        var call = await PostAsync("removing", "/v1/chat/completions", """{"model":"un/priced","tools":[{"type":"mcp"},{"type":"function"}]}""");

        Assert.Equal(402, call.Status);
        Assert.Null(call.Head.Header("x-gateway-removed-tools"));
    }

    [Fact]
    public async Task ToolThatARuleCloses_IsRemovedWhereTheTeamRemoves()
    {
        var call = await PostAsync("removing", "/v1/chat/completions", """{"model":"openai/gpt-4o","tools":[{"type":"web_fetch"},{"type":"function"}]}""");

        Assert.Equal(200, call.Status);
        Assert.Equal("web_fetch", call.Head.Header("x-gateway-removed-tools"));
        Assert.Equal(
            """{"model":"openai/gpt-4o","tools":[{"type":"function"}],"provider":{"zdr":true}}""", Encoding.UTF8.GetString(call.Forwarded.Body!));
    }

    [Fact]
    public async Task ReportedTool_PassesAndTheRuleStillHolds()
    {
        var body = Body($"\"tools\":[{Files}]");
        var call = await PostAsync("reporting", "/v1/chat/completions", body);
        Assert.Equal(200, call.Status);
        Assert.Equal("", Splice.Inserted(body, call.Forwarded.Body!));

        IsRefused(
            await PostAsync("reporting", "/v1/chat/completions", $$"""{"model":"openai/gpt-4o","tools":[{{Files}}]}"""),
            "/v1/chat/completions",
            "server_tool_not_allowed",
            "'openrouter:files'");
    }

    [Fact]
    public async Task ServerToolUnderABudget_ReservesItsCost()
    {
        var plain = await ReservedAsync("spending", Body("\"max_tokens\":10"));
        var searching = await ReservedAsync("spending", Body($"\"max_tokens\":10,\"tools\":[{Search}]"));
        var free = await ReservedAsync("spending", Body("\"max_tokens\":10,\"tools\":[{\"type\":\"openrouter:datetime\"}]"));
        var advised = await ReservedAsync("spending", Body("\"max_tokens\":10,\"tools\":[" + Advisor + "]"));

        // MaxUsd of the team is 0.1; the bytes of the tools cost less than a tenth of a cent.
        const long Tenth = 100_000_000_000;
        Assert.InRange(searching - plain, Tenth, Tenth + (Tenth / 100));
        Assert.InRange(free - plain, 1, Tenth / 100);
        Assert.True(advised - plain > Tenth + (10 * 75_000_000), "the advisor's model is dearer than the request's");
    }

    [Theory]
    [InlineData("\"max_tool_calls\":3", "\"step_count\":3")]
    [InlineData("\"stop_server_tools_when\":[{\"type\":\"has_tool_call\",\"tool_name\":\"x\"}]", "\"has_tool_call\"")]
    public async Task StopCondition_KeepsTheClientsOwn(string members, string expected)
    {
        foreach (var path in Dialects)
        {
            var call = await PostAsync("spending", path, Body($"{members},\"tools\":[{Search}]"));

            Assert.Equal(200, call.Status);
            var conditions = call.ForwardedJson.GetProperty("stop_server_tools_when");
            Assert.Contains(expected, conditions.GetRawText(), StringComparison.Ordinal);
            Assert.Contains("\"max_cost_in_dollars\":0.1}", conditions.GetRawText(), StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("/v1/completions", "spending", Search)]
    [InlineData("/v1/chat/completions", "open", Search)]
    [InlineData("/v1/chat/completions", "spending", """{"type":"openrouter:datetime"}""")]
    public async Task StopCondition_IsOnlyAddedWhereItHelps(string path, string team, string tool)
    {
        var body = Body($"\"tools\":[{tool}]");
        var call = await PostAsync(team, path, body);

        Assert.Equal(200, call.Status);
        Assert.Equal("", Splice.Inserted(body, call.Forwarded.Body!));
    }

    [Fact]
    public async Task WithoutTeams_ServerToolsPass()
    {
        await using var pair = await GatewayPair.StartAsync();
        var body = Body($"\"tools\":[{Files}]");

        var call = await pair.PostAsync("/v1/chat/completions", body);

        Assert.Equal(200, call.Status);
        Assert.Equal("", Splice.Inserted(body, call.Forwarded.Body!));
    }

    private static void IsRefused(Exchange call, string path, string code, string named)
    {
        Assert.Null(call.Upstream);
        Assert.Contains(named, call.Json.GetProperty("error").GetProperty("message").GetString(), StringComparison.Ordinal);
        if (path == "/v1/messages")
        {
            call.IsRefusedInMessagesDialect(403);
            Assert.Equal("permission_error", call.Json.GetProperty("error").GetProperty("type").GetString());
        }
        else
        {
            call.IsRefused(403);
            Assert.Equal(code, call.Json.GetProperty("error").GetProperty("code").GetString());
        }
    }

    private static string Body(string members) =>
        members.Contains("\"model\":\"openrouter", StringComparison.Ordinal) ? $"{{{members}}}" : $$"""{"model":"{{TeamGateway.Model}}",{{members}}}""";

    private async Task<long> ReservedAsync(string team, string body)
    {
        var call = await PostAsync(team, "/v1/chat/completions", body);
        Assert.Equal(200, call.Status);
        return (await _gateway.ClosedRowAsync(_gateway.Bill(call))).ReservedPico;
    }

    private Task<Exchange> PostAsync(string team, string path, string body) => _gateway.PostAsync(path, body, "x-api-key: ogw-" + team);

    public sealed class Fixture : IAsyncLifetime
    {
        private const string Rules =
            """
            { "Rules": [ { "Name": "zdr", "Model": "openai/gpt-4o", "WhenClientSetsProvider": "Enforce", "Provider": { "zdr": true },
                           "ServerTools": ["openrouter:datetime"] } ] }
            """;

        private static readonly (string Id, string More)[] Teams =
        [
            ("rights", "\"AllowedModels\": [\"openai/gpt-4o-mini\"], \"Budget\": { \"Usd\": 1000000 }"),
            ("agents", "\"AllowedModels\": [\"openai/gpt-4o-mini\", \"openai/gpt-5.5\", \"anthropic/claude-sonnet-4.5\"], \"Budget\": { \"Usd\": 1000000 }"),
            ("denying", "\"DeniedModels\": [\"anthropic/*\"]"),
            ("spending", "\"Budget\": { \"Usd\": 1000000 }, \"ServerTools\": { \"MaxUsd\": 0.10 }"),
            ("removing", "\"ServerTools\": { \"Allow\": [\"web_fetch\"], \"WhenClosed\": \"Remove\" }, \"Budget\": { \"Usd\": 1000000 }"),
            ("reporting", "\"ServerTools\": { \"WhenClosed\": \"Report\" }"),
            ("open", "\"ServerTools\": [\"*\"]"),
        ];

        private TeamGateway? _gateway;

        internal TeamGateway Gateway => _gateway!;

        public async ValueTask InitializeAsync() => _gateway = await TeamGateway.StartAsync(new TeamGatewayOptions
        {
            MoreTeams = reference => Teams.Select(team => TeamSetup.Team(team.More, team.Id, "ogw-" + team.Id, reference: reference)),
            Sections = [("ProviderMapping", Rules)],
            PrepareUpstream = upstream => upstream.Prices.Set("openai/gpt-5.5", "0.000005", "0.00003"),
        });

        public async ValueTask DisposeAsync()
        {
            if (_gateway is not null)
            {
                await _gateway.DisposeAsync();
            }
        }
    }
}
