using System.ClientModel;
using System.ClientModel.Primitives;
using System.Text.Json;
using FakeOpenRouter;
using Gateway.Tests.Support;
using OpenAI;
using Xunit;

namespace Gateway.Tests.EndToEnd;

/// <summary>
/// Promise: a team with model rights or aliases sees the models that it may call and no other, with any answer of upstream; every other team
/// sees upstream's answer to the byte.
/// </summary>
public sealed class TeamCatalogueTests : IClassFixture<TeamCatalogueTests.Fixture>
{
    private const string Restricted = "ogw-restricted";
    private const string Aliased = "ogw-aliased";

    private static readonly string[] Allowed = ["openai/gpt-4o", "openai/gpt-4o-mini"];

    private readonly Fixture _fixture;

    public TeamCatalogueTests(Fixture fixture)
    {
        _fixture = fixture;
    }

    [Theory]
    [InlineData("/v1/models")]
    [InlineData("/api/v1/models")]
    [InlineData("/api/models")]
    [InlineData("/v1/models?output_modalities=all")]
    public async Task List_HasTheModelsThatTheTeamMayCall(string target)
    {
        var all = await GetAsync("/v1/models?output_modalities=all", TeamSetup.Key);

        var call = await GetAsync(target, Restricted);

        Assert.Equal([.. Allowed, "gpt", "acme/smart"], Ids(call));
        Assert.Equal(4, call.Json.GetProperty("total_count").GetInt32());
        foreach (var entry in call.Json.GetProperty("data").EnumerateArray().Take(2))
        {
            Assert.Equal(Entry(all, entry.GetProperty("id").GetString()!).GetRawText(), entry.GetRawText());
        }

        Assert.Equal(
            Entry(all, "openai/gpt-4o").GetRawText().Replace("\"id\":\"openai/gpt-4o\"", "\"id\":\"gpt\"", StringComparison.Ordinal),
            Entry(call, "gpt").GetRawText());
        Assert.Equal(call.Body.Bytes.Length, call.Head.ContentLength);
        Assert.Equal("no-store", call.Head.Header("Cache-Control"));
    }

    [Fact]
    public async Task EveryListedModel_MayBeCalledAndNoOther()
    {
        var all = Ids(await GetAsync("/v1/models?output_modalities=all", TeamSetup.Key));
        var listed = Ids(await GetAsync("/v1/models?output_modalities=all", Restricted));

        foreach (var model in all.Union(listed))
        {
            var call = await PostAsync("/v1/chat/completions", Restricted, $$"""{"model":"{{model}}","messages":[]}""");
            Assert.Equal((model, listed.Contains(model) ? 200 : 403), (model, call.Status));
        }
    }

    /// <summary>A list of one kind of models is judged by the endpoint that calls them, which takes no fallbacks or may be closed to the team.</summary>
    [Theory]
    [InlineData("/v1/embeddings", Restricted, "openai/gpt-4o", "openai/gpt-4o-mini", "gpt", "acme/smart", "half")]
    [InlineData("/v1/images", Restricted, "openai/gpt-4o", "openai/gpt-4o-mini", "gpt", "acme/smart", "half")]
    [InlineData("/API/v1/Images", Restricted, "openai/gpt-4o", "openai/gpt-4o-mini", "gpt", "acme/smart", "half")]
    [InlineData("/v1/videos", Restricted)]
    [InlineData("/v1/embeddings", Aliased, "openai/gpt-4o", "openai/gpt-4o-mini", "anthropic/claude-3-opus", "mini")]
    [InlineData("/v1/images", Aliased, "openai/gpt-4o", "openai/gpt-4o-mini", "anthropic/claude-3-opus", "mini")]
    [InlineData("/v1/videos", Aliased, "openai/gpt-4o", "openai/gpt-4o-mini", "anthropic/claude-3-opus")]
    public async Task ListOfOneKind_AgreesWithTheCallsOfItsEndpoint(string path, string key, params string[] expected)
    {
        const string All = """x-fake-body: {"data":[{"id":"openai/gpt-4o"},{"id":"openai/gpt-4o-mini"},{"id":"anthropic/claude-3-opus"}]}""";

        Assert.Equal(expected, Ids(await GetAsync(path + "/models", key, All)));
        Assert.Equal(expected, Ids(await GetAsync(path + "/models/", key, All)));
        foreach (var model in (string[])["openai/gpt-4o", "openai/gpt-4o-mini", "anthropic/claude-3-opus", "gpt", "acme/smart", "half", "closed"])
        {
            var call = await PostAsync(path, key, $$"""{"model":"{{model}}","prompt":"x","input":"x"}""");
            Assert.Equal((model, key == Aliased || expected.Contains(model)), (model, call.Status != 403));
        }
    }

    [Fact]
    public async Task TeamWithAliasesOnly_SeesAllModelsAndItsAliases()
    {
        var all = await GetAsync("/v1/models", TeamSetup.Key);

        var call = await GetAsync("/v1/models", Aliased);

        Assert.Equal([.. Ids(all), "mini"], Ids(call));
        Assert.StartsWith(all.Body.Text[..all.Body.Text.LastIndexOf("],\"total", StringComparison.Ordinal)], call.Body.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task OtherTeam_GetsUpstreamsAnswerToTheByte()
    {
        var script = """x-fake-body: {"data":[ {"id":"x"} ],"total_count":7""";
        var call = await GetAsync("/v1/models", TeamSetup.Key, script, "x-fake-header: ETag: \"1\"", "If-None-Match: \"1\"", "Accept-Encoding: zstd");

        Assert.Equal("""{"data":[ {"id":"x"} ],"total_count":7""", call.Body.Text);
        Assert.Equal("\"1\"", call.Head.Header("ETag"));
        Assert.Equal(["\"1\"", "zstd"], ((string[])["If-None-Match", "Accept-Encoding"]).Select(name => call.Forwarded.Header(name)));
    }

    [Fact]
    public async Task Headers_DescribeTheEditedList()
    {
        var call = await GetAsync(
            "/v1/models", Restricted,
            """x-fake-body: {"data":[{"id":"openai/gpt-4o"},{"id":"other/x"}]}""",
            "x-fake-gzip: 1", "x-fake-header: ETag: \"1\"", "x-fake-header-2: Last-Modified: Sat, 28 Nov 2026 00:00:00 GMT",
            "x-fake-header-3: Cache-Control: public, max-age=300",
            "If-None-Match: \"1\"", "Range: bytes=0-9", "Accept-Encoding: zstd");

        Assert.Equal("""{"data":[{"id":"openai/gpt-4o"},{"id":"gpt"},{"id":"acme/smart"}]}""", call.Body.Text);
        Assert.Equal(call.Body.Bytes.Length, call.Head.ContentLength);
        Assert.Equal("no-store", call.Head.Header("Cache-Control"));
        Assert.All((string[])["ETag", "Last-Modified", "Content-Encoding"], name => Assert.Null(call.Head.Header(name)));
        Assert.Equal("gzip, br", call.Forwarded.Header("Accept-Encoding"));
        Assert.All((string[])["If-None-Match", "Range"], name => Assert.Null(call.Forwarded.Header(name)));
    }

    [Fact]
    public async Task Head_ClaimsNothingAboutTheBody()
    {
        var call = await SendAsync("HEAD", "/v1/models", Restricted, "x-fake-header: ETag: \"1\"");

        Assert.Equal(200, call.Status);
        Assert.All((string[])["ETag", "Content-Length", "Content-Encoding"], name => Assert.Null(call.Head.Header(name)));
    }

    [Theory]
    [InlineData("x-fake-body: {\"data\":[{\"id\":\"openai/gpt-4o\"},{\"id\":\"secret/x\"}")]
    [InlineData("x-fake-body: {\"data\":[{\"id\":\"secret/x\"}],\"data\":[]}")]
    [InlineData("x-fake-body: {\"models\":[{\"id\":\"secret/x\"}]}")]
    [InlineData("x-fake-body: [{\"id\":\"secret/x\"}]")]
    [InlineData("x-fake-body: secret/x")]
    [InlineData("x-fake-body: ")]
    [InlineData("x-fake-body: {\"data\":[{\"id\":\"secret/x\"}]}", "x-fake-header: Content-Encoding: br")]
    [InlineData("x-fake-body: {\"data\":[{\"id\":\"secret/x\"}]}", "x-fake-header: Content-Encoding: zstd")]
    [InlineData("x-fake-body: {\"data\":[{\"id\":\"secret/x\"}]}", "x-fake-cut-at-byte: 12")]
    public async Task UnreadableList_IsAnErrorAndNeverShown(params string[] script)
    {
        var call = await GetAsync("/v1/models", Restricted, script);

        call.IsRefused(502);
        Assert.Equal("catalogue_unreadable", call.Json.GetProperty("error").GetProperty("code").GetString());
        Assert.DoesNotContain("secret", call.Body.Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("x-fake-split: 1")]
    [InlineData("x-fake-split: 7")]
    [InlineData("x-fake-chunked: 1")]
    [InlineData("x-fake-gzip: 1")]
    public async Task ListInAnyPieces_IsEdited(string script)
    {
        var call = await GetAsync(
            "/v1/models", Restricted, """x-fake-body: {"data":[{"id":"secret/x"},{"id":"openai/gpt-4o"}],"total_count":2}""", script);

        Assert.Equal("""{"data":[{"id":"openai/gpt-4o"},{"id":"gpt"},{"id":"acme/smart"}],"total_count":3}""", call.Body.Text);
    }

    [Fact]
    public async Task UpstreamsError_PassesAsItIs()
    {
        var call = await GetAsync("/v1/models", Restricted, "x-fake-status: 429");

        Assert.Equal(429, call.Status);
        Assert.Null(call.Head.Header("x-gateway-error"));
    }

    [Theory]
    [InlineData("/v1/models/count")]
    [InlineData("/api/v1/models/count?limit=1")]
    public async Task Count_IsOfTheModelsThatTheTeamMayCall(string target)
    {
        var call = await GetAsync(target, Restricted);

        Assert.Equal("""{"data":{"count":4}}""", call.Body.Text);
        Assert.Equal(("/api/v1/models", ""), (call.Forwarded.Path, call.Forwarded.Query));
    }

    [Fact]
    public async Task Pages_AreOfTheReducedList()
    {
        List<string> seen = [];
        string? next = "/v1/models?limit=3&x=y";
        while (next is not null)
        {
            var call = await GetAsync(next, Restricted);
            Assert.Equal("?x=y", call.Forwarded.Query);
            Assert.Equal(4, call.Json.GetProperty("total_count").GetInt32());
            seen.AddRange(Ids(call));
            next = call.Json.GetProperty("links").GetProperty("next").GetString();
        }

        Assert.Equal([.. Allowed, "gpt", "acme/smart"], seen);
    }

    [Fact]
    public async Task EndpointsWithZeroRetention_AreThoseOfTheTeamsModels()
    {
        var script = """x-fake-body: {"data":[{"name":"a","model_id":"openai/gpt-4o"},{"name":"b","model_id":"other/x"},{"name":"c"}]}""";

        Assert.Equal(
            """{"data":[{"name":"a","model_id":"openai/gpt-4o"}]}""",
            (await GetAsync("/v1/endpoints/zdr", Restricted, script)).Body.Text);
        Assert.Contains("other/x", (await GetAsync("/v1/endpoints/zdr", Aliased, script)).Body.Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/v1/models/openai/gpt-4o/endpoints", 200)]
    [InlineData("/v1/models/openai/gpt-4o:free/endpoints", 403)]
    [InlineData("/v1/models/anthropic/claude-3-opus/endpoints", 403)]
    [InlineData("/v1/model/anthropic/claude-3-opus", 403)]
    [InlineData("/api/v1/images/models/other/x/endpoints", 403)]
    public async Task PageOfAModel_IsRefusedLikeACall(string target, int status)
    {
        var call = await GetAsync(target, Restricted);

        Assert.Equal(status, call.Status == 404 ? 200 : call.Status);
        if (status == 403)
        {
            call.IsRefused(403);
            Assert.Equal("model_not_allowed", call.Json.GetProperty("error").GetProperty("code").GetString());
            Assert.Null(call.Upstream);
        }
    }

    [Theory]
    [InlineData("use_rss=true")]
    [InlineData("use_rss")]
    [InlineData("Use_RSS=1")]
    [InlineData("use_rss=false&use_rss=true")]
    [InlineData("use_rss_chat_links=true")]
    public async Task FeedOfModels_IsClosed(string query)
    {
        (await GetAsync("/v1/models?" + query, Restricted)).IsRefused(403);
        Assert.Equal(200, (await GetAsync("/v1/models?" + query, TeamSetup.Key)).Status);
    }

    [Theory]
    [InlineData("use_rss=false")]
    [InlineData("use_rss=0&use_rss_chat_links=false")]
    public async Task FeedThatIsSwitchedOff_IsTheList(string query) =>
        Assert.Equal(200, (await GetAsync("/v1/models?" + query, Restricted)).Status);

    [Fact]
    public async Task OpenAiClient_ListsTheModels()
    {
        var client = new OpenAIClient(
            new ApiKeyCredential(Restricted),
            new OpenAIClientOptions { Endpoint = new Uri(_fixture.Gateway.Address, "/v1"), RetryPolicy = new ClientRetryPolicy(0) });

        var models = await client.GetOpenAIModelClient().GetModelsAsync(TestContext.Current.CancellationToken);

        Assert.Equal([.. Allowed, "gpt", "acme/smart"], models.Value.Select(model => model.Id));
    }

    /// <summary>Open WebUI lists the models with the key and then chats with one of them, by an alias as well.</summary>
    [Theory]
    [InlineData("openai/gpt-4o-mini")]
    [InlineData("gpt")]
    public async Task ListedModel_CanBeChosenForAChat(string model)
    {
        Assert.Contains(model, Ids(await GetAsync("/v1/models", Restricted)));

        var call = await PostAsync("/v1/chat/completions", Restricted, $$"""{"model":"{{model}}","messages":[]}""");

        Assert.Equal(200, call.Status);
    }

    /// <summary>Cline and Roo ask for the models, the key and, with a budget, the credits, before the first call.</summary>
    [Fact]
    public async Task QuestionsOfACodingAgent_AreAnswered()
    {
        var models = await GetAsync("/api/v1/models", Restricted);
        var key = await GetAsync("/api/v1/key", Restricted);
        var credits = await GetAsync("/api/v1/credits", Restricted);

        // Members that both read of an entry.
        Assert.All(models.Json.GetProperty("data").EnumerateArray(), model =>
        {
            Assert.True(model.GetProperty("context_length").GetInt64() > 0);
            Assert.NotNull(model.GetProperty("pricing").GetProperty("prompt").GetString());
        });
        Assert.Equal(10, key.Json.GetProperty("data").GetProperty("limit").GetInt32());
        Assert.True(
            credits.Json.GetProperty("data").GetProperty("total_credits").GetDecimal()
                >= credits.Json.GetProperty("data").GetProperty("total_usage").GetDecimal());
    }

    private static string[] Ids(Exchange call) =>
        [.. call.Json.GetProperty("data").EnumerateArray().Select(entry => entry.GetProperty("id").GetString()!)];

    private static JsonElement Entry(Exchange call, string id) =>
        call.Json.GetProperty("data").EnumerateArray().Single(entry => entry.GetProperty("id").GetString() == id);

    private Task<Exchange> GetAsync(string target, string key, params string[] lines) => SendAsync("GET", target, key, lines);

    private async Task<Exchange> SendAsync(string method, string target, string key, params string[] lines)
    {
        var id = TeamGateway.NextId();
        await using var client = await _fixture.Gateway.ConnectAsync();
        await client.SendAsync(
            $"{method} {target} HTTP/1.1\r\nHost: {client.Authority}\r\nx-api-key: {key}\r\nx-fake-id: {id}\r\n"
            + $"{string.Concat(lines.Select(line => line + "\r\n"))}Connection: close\r\n\r\n");
        var head = await client.ReadHeadAsync();
        var body = method == "HEAD" ? new RawBody([], RawEnd.Complete) : await client.ReadBodyAsync(head);
        return new Exchange(head, body, _fixture.Upstream.Requests.Find(id));
    }

    private async Task<Exchange> PostAsync(string target, string key, string body)
    {
        await using var client = await _fixture.Gateway.ConnectAsync();
        await client.PostAsync(target, body, "x-api-key: " + key);
        var (head, answer) = await client.ReadAsync();
        return new Exchange(head, answer, null);
    }

    public sealed class Fixture : IAsyncLifetime
    {
        private TeamGateway? _team;

        internal GatewayHost Gateway => _team!.Gateway;

        internal FakeOpenRouterServer Upstream => _team!.Upstream;

        public async ValueTask InitializeAsync() => _team = await TeamGateway.StartAsync(new TeamGatewayOptions
        {
            MoreTeams = reference =>
            [
                TeamSetup.Team(
                    """
                    "AllowedModels": ["openai/gpt-4o*"], "DeniedModels": ["*:*"], "Budget": { "Usd": 10 },
                    "ProviderMapping": { "Aliases": [
                      { "Model": "gpt", "Use": "openai/gpt-4o" },
                      { "Model": "acme/smart", "Use": "openai/gpt-4o", "Fallbacks": ["openai/gpt-4o-mini"] },
                      { "Model": "closed", "Use": "anthropic/claude-3-opus" },
                      { "Model": "half", "Use": "openai/gpt-4o", "Fallbacks": ["anthropic/claude-3-opus"] },
                      { "Model": "gpt-4*", "Use": "openai/gpt-4o" } ] }
                    """,
                    "restricted",
                    Restricted,
                    reference: reference),
                TeamSetup.Team(
                    """
                    "ProviderMapping": { "Aliases": [ { "Model": "mini", "Use": "openai/gpt-4o-mini" } ] }
                    """,
                    "aliased",
                    Aliased,
                    reference: reference),
            ],
        });

        public ValueTask DisposeAsync() => _team?.DisposeAsync() ?? default;
    }
}
