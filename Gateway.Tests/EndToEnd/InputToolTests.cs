using System.Text;
using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.EndToEnd;

/// <summary>Promise: tools that items of <c>input</c> bring are judged like those in <c>tools</c>.</summary>
public sealed class InputToolTests : IClassFixture<InputToolTests.Fixture>
{
    private const string Path = "/v1/responses";
    private const string Function = """{"type":"function","name":"shell","parameters":{"properties":{"command":{"type":"string"}}}}""";
    private const string Search = """{"type":"openrouter:web_search"}""";
    private const string Files = """{"type":"openrouter:files"}""";

    private readonly TeamGateway _gateway;

    public InputToolTests(Fixture fixture)
    {
        _gateway = fixture.Gateway;
    }

    [Theory]
    [InlineData("spending", """{"type":"openrouter:files"}""", "server_tool_not_allowed", "'openrouter:files'")]
    [InlineData("spending", """{"type":"namespace","name":"n","tools":[{"type":"mcp"}]}""", "server_tool_not_allowed", "'mcp'")]
    [InlineData("spending", """{"type":"tomorrow's tool"}""", "server_tool_not_allowed", "'tomorrow's tool'")]
    [InlineData("rights", """{"type":"openrouter:advisor","parameters":{"model":"anthropic/claude-3-opus"}}""", "model_not_allowed", "'anthropic/claude-3-opus'")]
    [InlineData("rights", """{"type":"openrouter:advisor"}""", "model_not_allowed", "'*'")]
    public async Task ClosedTool_Is403(string team, string tool, string code, string named)
    {
        IsRefused(await PostAsync(team, Body($"{Function},{tool}")), code, named);
        IsRefused(await PostAsync(team, Body(tool).Replace("\"tools\"", "\"\\u0074ools\"", StringComparison.Ordinal)), code, named);
    }

    [Fact]
    public async Task EnforcedRule_ClosesTheTool()
    {
        var call = await PostAsync("open", Body(Search, "openai/gpt-4o"));

        IsRefused(call, "server_tool_not_allowed", "'openrouter:web_search'");
        Assert.Equal("zdr", call.Head.Header("x-gateway-rule"));
    }

    [Theory]
    [InlineData("spending")]
    [InlineData("rights")]
    [InlineData("removing")]
    [InlineData("open")]
    public async Task ToolsOfTheClient_PassUnchanged(string team)
    {
        var body = Body($$"""{{Function}},{"type":"custom","name":"apply_patch"},{"type":"namespace","name":"n","tools":[{{Function}}]}""");

        var call = await PostAsync(team, body);

        Assert.Equal(200, call.Status);
        Assert.Equal(body, Encoding.UTF8.GetString(call.Forwarded.Body!));
    }

    [Fact]
    public async Task OpenToolUnderABudget_HasAStopCondition()
    {
        var body = Body($"{Function},{Search}");

        var call = await PostAsync("spending", body);

        Assert.Equal(200, call.Status);
        Assert.Equal(
            ",\"stop_server_tools_when\":[{\"type\":\"max_cost\",\"max_cost_in_dollars\":0.1},{\"type\":\"step_count_is\",\"step_count\":30}]",
            Splice.Inserted(body, call.Forwarded.Body!));
        const long TenthOfADollar = 100_000_000_000;
        Assert.True((await _gateway.ClosedRowAsync(_gateway.Bill(call))).ReservedPico > TenthOfADollar);
    }

    [Fact]
    public async Task ClosedTool_IsRefusedWhereTheTeamRemoves()
    {
        var call = await PostAsync("removing", Body($"{Function},{Files}", more: "\"tools\":[{\"type\":\"mcp\"}],"));

        IsRefused(call, "server_tool_not_allowed", "'openrouter:files'");
        Assert.Contains("cannot be removed", call.Body.Text, StringComparison.Ordinal);
        Assert.Null(call.Head.Header("x-gateway-removed-tools"));
    }

    [Fact]
    public async Task ToolsOfAnItem_StayWhereTheTeamRemovesOthers()
    {
        var body = Body(Function, more: "\"tools\":[{\"type\":\"mcp\"}],");

        var call = await PostAsync("removing", body);

        Assert.Equal(200, call.Status);
        Assert.Equal("mcp", call.Head.Header("x-gateway-removed-tools"));
        Assert.Equal(Body(Function), Encoding.UTF8.GetString(call.Forwarded.Body!));
    }

    [Fact]
    public async Task ReportedTool_Passes()
    {
        var body = Body(Files);

        var call = await PostAsync("reporting", body);

        Assert.Equal(200, call.Status);
        Assert.Equal(body, Encoding.UTF8.GetString(call.Forwarded.Body!));
    }

    private static void IsRefused(Exchange call, string code, string named)
    {
        Assert.Null(call.Upstream);
        call.IsRefused(403);
        Assert.Equal(code, call.Json.GetProperty("error").GetProperty("code").GetString());
        Assert.Contains(named, call.Json.GetProperty("error").GetProperty("message").GetString(), StringComparison.Ordinal);
    }

    private static string Body(string tools, string model = TeamGateway.Model, string more = "") =>
        $$"""
        {"model":"{{model}}",{{more}}"input":[
         {"type":"additional_tools","role":"developer","tools":[{{tools}}]},
         {"type":"message","role":"user","content":[{"type":"input_text","text":"h\u0069"}]}]}
        """;

    private Task<Exchange> PostAsync(string team, string body) => _gateway.PostAsync(Path, body, "x-api-key: ogw-" + team);

    public sealed class Fixture : IAsyncLifetime
    {
        private const string Rules =
            """
            { "Rules": [ { "Name": "zdr", "Model": "openai/gpt-4o", "WhenClientSetsProvider": "Enforce", "Provider": { "zdr": true } } ] }
            """;

        private static readonly (string Id, string More)[] Teams =
        [
            ("rights", "\"AllowedModels\": [\"openai/gpt-4o-mini\"], \"Budget\": { \"Usd\": 1000000 }"),
            ("spending", "\"Budget\": { \"Usd\": 1000000 }, \"ServerTools\": { \"MaxUsd\": 0.10 }"),
            ("removing", "\"ServerTools\": { \"WhenClosed\": \"Remove\" }"),
            ("reporting", "\"ServerTools\": { \"WhenClosed\": \"Report\" }"),
            ("open", "\"ServerTools\": [\"*\"]"),
        ];

        private TeamGateway? _gateway;

        internal TeamGateway Gateway => _gateway!;

        public async ValueTask InitializeAsync() => _gateway = await TeamGateway.StartAsync(new TeamGatewayOptions
        {
            MoreTeams = reference => Teams.Select(team => TeamSetup.Team(team.More, team.Id, "ogw-" + team.Id, reference: reference)),
            Sections = [("ProviderMapping", Rules)],
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
