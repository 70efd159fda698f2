using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using FakeOpenRouter;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Gateway.Tests.Support;

/// <summary>The scripted upstream's money, on which all tests of the ledger rely.</summary>
public sealed partial class FakeBillingTests : IAsyncLifetime
{
    private const string Key = "sk-or-v1-test";

    private FakeOpenRouterServer? _server;
    private HttpClient? _client;

    private FakeOpenRouterServer Server => _server!;

    private HttpClient Client => _client!;

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _server = await FakeOpenRouterServer.StartAsync();
        _client = new HttpClient { BaseAddress = new Uri(Server.RootUrl) };
        _client.DefaultRequestHeaders.Add("Authorization", "Bearer " + Key);
    }

    public ValueTask DisposeAsync()
    {
        Client.Dispose();
        return Server.DisposeAsync();
    }

    [Theory]
    [InlineData("chat/completions", "openai/gpt-4o", "0.0000575")]
    [InlineData("completions", "openai/gpt-4o", "0.0000575")]
    [InlineData("responses", "openai/gpt-4o", "0.0000575")]
    [InlineData("messages", "anthropic/claude-3-opus", "0.00039")]
    [InlineData("messages", "anthropic/claude-4.5-sonnet-20250929", "0.000078")]
    [InlineData("rerank", "mistralai/ministral-3b", "0.000000440032")]
    [InlineData("images", "perplexity/sonar", "0.005014")]
    [InlineData("chat/completions", "meta-llama/llama-3.1-8b-instruct:free", "0")]
    [InlineData("chat/completions", "openai/gpt-4o:nitro", "0.0000575")]
    [InlineData("chat/completions", "openrouter/auto", "0.00000345")]
    [InlineData("chat/completions", "nobody/knows", "0.000017")]
    [InlineData("embeddings", "qwen/qwen3-embedding-8b", "0.000000135795")]
    public async Task AnswerGenerationAndBook_AgreeToTheDigit(string endpoint, string model, string cost)
    {
        using var answer = JsonDocument.Parse(await PostAsync(endpoint, model, stream: false));
        var entry = Assert.Single(Server.Book.Entries);

        Assert.Equal(cost, answer.RootElement.GetProperty("usage").GetProperty("cost").GetRawText());
        Assert.Equal(cost, (await GenerationAsync(entry.Id)).GetProperty("total_cost").GetRawText());
        Assert.Equal(Exact(cost), entry.Cost);
        Assert.Equal(BookEnd.Complete, entry.End);
        Assert.True(entry.IdSent);
        Assert.Equal(BillingBook.MarkOf(Key), entry.Key);
        Assert.Equal("/" + endpoint, entry.Endpoint);
    }

    [Theory]
    [InlineData("chat/completions")]
    [InlineData("completions")]
    [InlineData("responses")]
    [InlineData("messages")]
    [InlineData("images")]
    public async Task Stream_TellsTheBooksCost(string endpoint)
    {
        var stream = await PostAsync(endpoint, "openai/gpt-4o", stream: true, "x-fake-events: 5");

        var entry = Assert.Single(Server.Book.Entries);
        Assert.Equal("0.0000775", CostIn().Match(stream).Groups[1].Value);
        Assert.Equal(77_500_000, entry.Cost);
        Assert.True(entry.Streams);
    }

    [Fact]
    public async Task Exponent_WritesTheSameAmount()
    {
        var answer = await PostAsync("chat/completions", "openai/gpt-4o", stream: false, "x-fake-cost-exponent: 1");

        var entry = Assert.Single(Server.Book.Entries);
        Assert.Equal("5.75e-05", CostIn().Match(answer).Groups[1].Value);
        Assert.Equal("5.75e-05", (await GenerationAsync(entry.Id)).GetProperty("usage").GetRawText());
        Assert.Equal(57_500_000, entry.Cost);
    }

    [Theory]
    [InlineData("0", "0", "0e+00")]
    [InlineData("1", "1", "1e+00")]
    [InlineData("12.5", "12.5", "1.25e+01")]
    [InlineData("0.000000000001", "0.000000000001", "1e-12")]
    [InlineData("0.10", "0.1", "1e-01")]
    public void Amounts_AreWrittenExactly(string text, string plain, string exponential)
    {
        Assert.Equal(plain, Pico.Plain(Pico.Parse(text)));
        Assert.Equal(exponential, Pico.Exponential(Pico.Parse(text)));
    }

    [Theory]
    [InlineData("-1")]
    [InlineData("0.0000000000001")]
    [InlineData("1e-6")]
    [InlineData("")]
    public void Amounts_ThatAreNot_AreRefused(string text) => Assert.Throws<FormatException>(() => Pico.Parse(text));

    [Theory]
    [InlineData("x-fake-cut-after: 2", 2)]
    [InlineData("x-fake-cut-after: 0", 0)]
    [InlineData("x-fake-error-after: 4", 4)]
    [InlineData("x-fake-end-after: 1", 1)]
    [InlineData("x-fake-close: 1", 0)]
    public async Task StreamThatBreaksOff_IsBilledForWhatWasProduced(string script, int tokens)
    {
        await CallAsync("""{"model":"openai/gpt-4o","stream":true}""", script, "x-fake-events: 9");

        var entry = await FinishedAsync();
        Assert.Equal(tokens, entry.CompletionTokens);
        Assert.Equal(27_500_000 + (10_000_000L * tokens), entry.Cost);
        Assert.Equal(BookEnd.Failed, entry.End);
        Assert.Equal(entry.CostText, (await GenerationAsync(entry.Id)).GetProperty("total_cost").GetRawText());
    }

    [Theory]
    [InlineData("x-fake-cut-after: 2", true)]
    [InlineData("x-fake-close: 1", true)]
    [InlineData("x-fake-cut-at-byte: 10", false)]
    [InlineData("x-fake-close: 1", false)]
    public async Task BillFullAndPlainAnswers_AreBilledInFullWhenTheyBreakOff(string script, bool stream)
    {
        await CallAsync($$"""{"model":"openai/gpt-4o","stream":{{(stream ? "true" : "false")}}}""", script, "x-fake-bill-full: 1");

        Assert.Equal(57_500_000, (await FinishedAsync()).Cost);
    }

    [Fact]
    public async Task ClientLeaving_EndsTheBillThere()
    {
        await using var client = await RawHttpClient.ConnectAsync(new Uri(Server.RootUrl));
        await client.PostAsync("/api/v1/chat/completions", """{"model":"openai/gpt-4o","stream":true}""", "x-fake-stall-after: 2");
        await client.ReadHeadAsync();
        await Server.Requests.WaitForAsync(request => request.EventsWritten == 2);
        var entry = Assert.Single(Server.Book.Entries);
        Assert.Equal(BookEnd.Open, entry.End);
        using (var early = await AskAsync(entry.Id, Key))
        {
            Assert.Equal(404, (int)early.StatusCode);
        }

        client.Reset();
        await FinishedAsync();

        Assert.Equal(BookEnd.Cancelled, entry.End);
        Assert.Equal(47_500_000, entry.Cost);
        var generation = await GenerationAsync(entry.Id);
        Assert.True(generation.GetProperty("cancelled").GetBoolean());
        Assert.Equal("0.0000475", generation.GetProperty("total_cost").GetRawText());
        Assert.Equal(2, generation.GetProperty("native_tokens_completion").GetInt32());
    }

    [Fact]
    public async Task NoUsage_LeavesValidAnswersWithoutAny()
    {
        foreach (var endpoint in new[] { "chat/completions", "completions", "responses", "messages", "embeddings", "rerank", "images" })
        {
            using var answer = JsonDocument.Parse(await PostAsync(endpoint, "openai/gpt-4o", stream: false, "x-fake-no-usage: 1"));
            Assert.False(answer.RootElement.TryGetProperty("usage", out _));
            var stream = await PostAsync(endpoint, "openai/gpt-4o", stream: true, "x-fake-no-usage: 1");
            Assert.DoesNotContain("cost", stream, StringComparison.Ordinal);
            Assert.All(
                stream.Split('\n').Where(line => line.StartsWith("data: {", StringComparison.Ordinal)),
                line => JsonDocument.Parse(line[6..]).Dispose());
        }

        Assert.All(Server.Book.Entries, entry => Assert.True(entry.Cost > 0));
    }

    [Fact]
    public async Task NoGenerationId_IsBilledButNotNamed()
    {
        var (head, _) = await CallAsync("{}", "x-fake-no-generation-id: 1");

        Assert.Null(head!.Header("X-Generation-Id"));
        var entry = Assert.Single(Server.Book.Entries);
        Assert.False(entry.IdSent);
        Assert.True(entry.Cost > 0);
    }

    [Theory]
    [InlineData(0, "x-fake-status: 429")]
    [InlineData(17_000_000, "x-fake-status: 502", "x-fake-bill-error: 1")]
    [InlineData(17_000_000, "x-fake-error: 1")]
    public async Task Errors_CostNothingUnlessBilled(int cost, params string[] script)
    {
        await CallAsync("{}", script);

        var entry = await FinishedAsync();
        Assert.Equal(cost, entry.Cost);
        Assert.Equal(cost, Exact((await GenerationAsync(entry.Id)).GetProperty("total_cost").GetRawText()));
    }

    [Fact]
    public async Task ScriptedBodies_AreNotBilled()
    {
        await CallAsync("{}", "x-fake-body: {}");
        await CallAsync("{}", "x-fake-echo: 1");

        Assert.Empty(Server.Book.Entries);
    }

    [Fact]
    public async Task Tokens_AreWhatTheScriptSays()
    {
        await CallAsync(
            """{"stream":true}""",
            "x-fake-prompt-tokens: 5000",
            "x-fake-completion-tokens: 700",
            "x-fake-events: 7",
            "x-fake-end-after: 3");

        var entry = await FinishedAsync();
        Assert.Equal((5000, 300), (entry.PromptTokens, entry.CompletionTokens));
    }

    [Theory]
    [InlineData("x-fake-error: 1", true)]
    [InlineData("x-fake-error: 1|x-fake-no-generation-id: 1", false)]
    [InlineData("x-fake-no-generation-id: 1", true)]
    public async Task ErrorInsteadOfAResponse_IsNotBilledWithoutAnId(string script, bool isBilled)
    {
        await CallAsync("{}", script.Split('|'));

        Assert.Equal(isBilled, (await FinishedAsync()).Cost > 0);
    }

    [Fact]
    public async Task Generation_IsOnlyForTheKeyThatMadeTheCall()
    {
        await CallAsync("{}");
        var id = (await FinishedAsync()).Id;

        using var other = await AskAsync(id, "sk-or-v1-other");
        using var nobody = await AskAsync(id, null);
        using var unknown = await AskAsync("gen-unknown", Key);
        using var own = await AskAsync(id, Key);
        Assert.Equal((404, 401, 404, 200), ((int)other.StatusCode, (int)nobody.StatusCode, (int)unknown.StatusCode, (int)own.StatusCode));
    }

    [Theory]
    [InlineData("x-fake-generation-missing: 1", 404, 404, 404)]
    [InlineData("x-fake-generation-status: 500", 500, 500, 500)]
    [InlineData("x-fake-generation-delay-ms: 600000", 404, 404, 404)]
    [InlineData("x-fake-generation-status: 503|x-fake-generation-failures: 2", 503, 503, 200)]
    public async Task Generation_FailsAsTheScriptSays(string script, int first, int second, int third)
    {
        await CallAsync("{}", script.Split('|'));
        var id = (await FinishedAsync()).Id;

        foreach (var status in new[] { first, second, third })
        {
            using var answer = await AskAsync(id, Key);
            Assert.Equal(status, (int)answer.StatusCode);
        }

        Assert.Equal(3, Server.Book.Entries[0].Questions);
    }

    [Fact]
    public async Task GenerationDelay_CountsFromTheEnd()
    {
        var time = new FakeTimeProvider();
        var delay = TimeSpan.FromMilliseconds(300);
        await using var server = await FakeOpenRouterServer.StartAsync(
            new FakeOpenRouterOptions { Record = false, Book = true, GenerationDelay = delay, Time = time });
        using var client = new HttpClient { BaseAddress = new Uri(server.RootUrl) };
        client.DefaultRequestHeaders.Add("x-api-key", Key);
        using var content = new StringContent("""{"model":"openai/gpt-4o"}""");
        using var call = await client.PostAsync(new Uri("/api/v1/messages", UriKind.Relative), content, Cancelled);
        var target = new Uri($"/api/v1/generation?id={call.Headers.GetValues("X-Generation-Id").Single()}", UriKind.Relative);

        // The client may have read the whole answer a moment before its end is booked.
        await Eventually.TrueAsync(() => Assert.Single(server.Book.Entries).End != BookEnd.Open, "the end of the generation");

        time.Advance(delay - TimeSpan.FromTicks(1));
        Assert.Equal(404, await StatusAsync());
        time.Advance(TimeSpan.FromTicks(1));
        Assert.Equal(200, await StatusAsync());
        Assert.Equal("openai/gpt-4o", Assert.Single(server.Book.Entries).Model);
        Assert.Empty(server.Requests.All);

        async Task<int> StatusAsync()
        {
            using var answer = await client.GetAsync(target, Cancelled);
            return (int)answer.StatusCode;
        }
    }

    [Fact]
    public async Task NoRecord_KeepsNoBook()
    {
        await using var server = await FakeOpenRouterServer.StartAsync(new FakeOpenRouterOptions { Record = false });
        using var content = new StringContent("{}");
        using var call = await Client.PostAsync(new Uri(server.BaseUrl + "/messages"), content, Cancelled);

        Assert.Equal(200, (int)call.StatusCode);
        Assert.Empty(server.Book.Entries);
    }

    [Fact]
    public async Task Catalogue_ListsEveryPriceAsExactText()
    {
        using var models = JsonDocument.Parse(await GetAsync("/api/v1/models"));
        using var embeddings = JsonDocument.Parse(await GetAsync("/api/v1/embeddings/models"));
        var all = Models(models).Concat(Models(embeddings)).ToDictionary(
            model => model.GetProperty("id").GetString()!, model => model.GetProperty("pricing"));

        Assert.Equal("-1", all["openrouter/auto"].GetProperty("prompt").GetString());
        Assert.Equal("0.005", all["perplexity/sonar"].GetProperty("request").GetString());
        Assert.DoesNotContain(Models(models), model => model.GetProperty("id").GetString() == "openai/text-embedding-3-small");
        foreach (var (id, pricing) in all.Where(model => model.Key != "openrouter/auto"))
        {
            var price = Server.Prices.PriceOf(id);
            Assert.Equal(price.Prompt, Exact(pricing.GetProperty("prompt").GetString()!));
            Assert.Equal(price.Completion, Exact(pricing.GetProperty("completion").GetString()!));
            Assert.Equal(price.Request, Exact(pricing.GetProperty("request").GetString()!));
        }

        static IEnumerable<JsonElement> Models(JsonDocument page) => page.RootElement.GetProperty("data").EnumerateArray();
    }

    [Fact]
    public async Task Prices_CanChange()
    {
        await CallAsync("""{"model":"openai/gpt-4o"}""");
        using var change = new StringContent("""{"model":"openai/gpt-4o","prompt":"0.1","completion":"0.000000000001","request":"2"}""");
        using var changed = await Client.PostAsync(new Uri("/__prices", UriKind.Relative), change, Cancelled);
        Server.Prices.Set("new/model", "1", "0");
        await CallAsync("""{"model":"openai/gpt-4o"}""");
        await CallAsync("""{"model":"new/model"}""");

        Assert.Equal(204, (int)changed.StatusCode);
        Assert.Equal([57_500_000, 3_100_000_000_003, 11_000_000_000_000], Server.Book.Entries.Select(entry => (long)entry.Cost));
        Assert.Contains("new/model", await GetAsync("/api/v1/models"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Catalogue_CanFail()
    {
        using var change = new StringContent("""{"status":503}""");
        using var changed = await Client.PostAsync(new Uri("/__catalogue", UriKind.Relative), change, Cancelled);
        using var failed = await Client.GetAsync(new Uri("/api/v1/models", UriKind.Relative), Cancelled);
        Server.Prices.Status = 200;
        using var healed = await Client.GetAsync(new Uri("/api/v1/embeddings/models", UriKind.Relative), Cancelled);

        Assert.Equal((503, 200), ((int)failed.StatusCode, (int)healed.StatusCode));
    }

    [Fact]
    public async Task BookPage_ShowsEveryEntry()
    {
        await CallAsync("{}", "x-fake-id: one");
        await CallAsync("""{"stream":true}""", "x-fake-cut-after: 0", "x-fake-id: two");
        await FinishedAsync();
        using var page = JsonDocument.Parse(await GetAsync("/__book"));

        Assert.Equal("28000000", page.RootElement.GetProperty("total_pico").GetString());
        var entries = page.RootElement.GetProperty("entries").EnumerateArray().ToArray();
        Assert.Equal(["one", "two"], entries.Select(entry => entry.GetProperty("script_id").GetString()));
        Assert.Equal(["17000000", "11000000"], entries.Select(entry => entry.GetProperty("cost_pico").GetString()));
        Assert.All(entries, entry => Assert.True(entry.GetProperty("id_sent").GetBoolean()));
        Assert.All(entries, entry => Assert.Equal(3, entry.GetProperty("whole_completion_tokens").GetInt32()));
        Assert.Equal([false, true], entries.Select(entry => entry.GetProperty("failed").GetBoolean()));

        using var nothing = new StringContent("");
        using var reset = await Client.PostAsync(new Uri("/__reset", UriKind.Relative), nothing, Cancelled);
        Assert.Empty(Server.Book.Entries);
    }

    /// <summary>A request without an entry may have been processed as well; a refused one was not.</summary>
    [Fact]
    public async Task BookPage_HasTheStatusOfEveryRequestThatArrived()
    {
        await CallAsync("{}", "x-fake-id: one");
        await CallAsync("{}", "x-fake-id: one", "x-fake-status: 502", "x-fake-body: page");
        await CallAsync("{}", "x-fake-id: two", "x-fake-close: 1");
        await CallAsync("{}", "x-fake-id: refused", "x-fake-refuse: 1");
        await CallAsync("{}");
        using var page = JsonDocument.Parse(await GetAsync("/__book"));

        var statuses = page.RootElement.GetProperty("statuses").EnumerateObject()
            .OrderBy(request => request.Name, StringComparer.Ordinal)
            .Select(request => $"{request.Name} {request.Value.GetRawText()}");
        Assert.Equal(["one [200,502]", "two [200]"], statuses);
    }

    [Fact]
    public void Readme_ListsEveryHeader()
    {
        var readme = File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "FakeReadme", "README.md"));
        var examples = HeaderExample().Matches(readme)
            .Select(match => match.Groups[1].Value.Replace("…", "YWJj", StringComparison.Ordinal)).ToArray();
        FakeScript.Parse(examples);

        Assert.Equal(
            FakeScript.Names.Order(StringComparer.Ordinal),
            examples.Select(example => example.Split(':')[0]).Distinct().Order(StringComparer.Ordinal));
    }

    private static Int128 Exact(string dollars)
    {
        return (Int128)(decimal.Parse(dollars, NumberStyles.Float, CultureInfo.InvariantCulture) * 1_000_000_000_000m);
    }

    private Task<string> GetAsync(string target) => Client.GetStringAsync(new Uri(target, UriKind.Relative), Cancelled);

    private async Task<string> PostAsync(string endpoint, string model, bool stream, params string[] script)
    {
        var body = $$"""{"model":"{{model}}","stream":{{(stream ? "true" : "false")}}}""";
        using var request = new HttpRequestMessage(HttpMethod.Post, "/api/v1/" + endpoint)
        {
            Content = new StringContent(body, Encoding.UTF8, "application/json"),
        };
        foreach (var line in script)
        {
            request.Headers.Add(line.Split(':')[0], line.Split(':')[1].Trim());
        }

        using var answer = await Client.SendAsync(request);
        return await answer.Content.ReadAsStringAsync();
    }

    /// <summary>Calls and reads as much of an answer as comes.</summary>
    private async Task<(RawResponse? Head, RawBody? Body)> CallAsync(string body, params string[] script)
    {
        await using var client = await RawHttpClient.ConnectAsync(new Uri(Server.RootUrl));
        await client.PostAsync("/api/v1/chat/completions", body, script);
        try
        {
            return await client.ReadAsync();
        }
        catch (IOException)
        {
            return (null, null);
        }
    }

    /// <summary>The latest generation, once it is over.</summary>
    private async Task<BookEntry> FinishedAsync()
    {
        return await Eventually.GetAsync(
            () => Task.FromResult(Server.Book.Entries is [.., { End: not BookEnd.Open } last] ? last : null),
            "the end of the generation");
    }

    private async Task<HttpResponseMessage> AskAsync(string id, string? key)
    {
        using var client = new HttpClient();
        using var request = new HttpRequestMessage(HttpMethod.Get, $"{Server.BaseUrl}/generation?id={id}");
        if (key is not null)
        {
            request.Headers.Authorization = new("Bearer", key);
        }

        return await client.SendAsync(request);
    }

    private async Task<JsonElement> GenerationAsync(string id)
    {
        await FinishedAsync();
        using var answer = await AskAsync(id, Key);
        using var page = JsonDocument.Parse(await answer.Content.ReadAsStringAsync());
        return page.RootElement.GetProperty("data").Clone();
    }

    [GeneratedRegex("\"cost\":([^,}]+)")]
    private static partial Regex CostIn();

    [GeneratedRegex("`(x-fake-[a-z0-9-]+: [^`]+)`")]
    private static partial Regex HeaderExample();
}
