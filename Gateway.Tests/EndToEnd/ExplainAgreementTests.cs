using System.Text;
using Gateway.Admission;
using Gateway.Configuration;
using Gateway.Errors;
using Gateway.Limits;
using Gateway.Prices;
using Gateway.Pricing;
using Gateway.Reports;
using Gateway.Tests.Gateway.Configuration;
using Gateway.Tests.Support;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace Gateway.Tests.EndToEnd;

/// <summary>
/// Promise: <c>explain</c> never says otherwise than the request gets. Generated requests go through the gateway and through
/// <see cref="RequestExplainer"/>, and both have the same verdict: the same error to the byte, or the same body upstream.
/// </summary>
public sealed class ExplainAgreementTests
{
    private const int RequestsPerRun = 400;

    private const string GlobalMapping =
        """
        { "Rules": [
            { "Name": "eu", "Model": ["mistralai/*", "good/*"], "WhenClientSetsProvider": "Enforce", "Provider": { "only": ["mistral", "azure"] } },
            { "Name": "fill", "Model": "openai/*", "WhenClientSetsProvider": "Fill", "Provider": { "zdr": true, "require_parameters": true } },
            { "Name": "rest", "Model": "*", "Provider": { "ignore": ["x"] } } ],
          "Aliases": [
            { "Model": "gpt-4o", "Use": "openai/gpt-4o-mini", "Fallbacks": ["good/m", "bad/m"] },
            { "Model": "nice", "Use": "good/m" },
            { "Model": "evil", "Use": "bad/m" } ] }
        """;

    // Each with a budget that nothing here exhausts, or none.
    private static readonly (string Id, string More)[] Teams =
    [
        ("search", "\"AllowedModels\": [\"openai/*\", \"good/*\"], \"DeniedModels\": [\"*:free\"]"),
        ("denying", "\"DeniedModels\": [\"bad/*\", \"@preset/bad\"]"),
        ("presets", "\"AllowedModels\": [\"good/*\", \"@preset/*\"]"),
        ("free", "\"ScopeSessions\": true, \"ServerTools\": { \"WhenClosed\": \"Report\" }"),
        ("removing", "\"Budget\": { \"Usd\": 1000000 }, \"ServerTools\": { \"Allow\": [\"openrouter:*\"], \"WhenClosed\": \"Remove\" }"),
        ("spending", "\"Budget\": { \"Usd\": 1000000 }"),
        ("own", """
            "ProviderMapping": { "Rules": [ { "Name": "mine", "Model": "*", "WhenClientSetsProvider": "Enforce", "Provider": { "max_price": { "prompt": 1 } } } ],
              "Aliases": [ { "Model": "gpt-4o", "Use": "bad/m" } ] }, "DeniedModels": ["bad/*"]
            """),
    ];

    [Theory]
    [InlineData(1, "{}")]
    [InlineData(3, """{ "WriteMaxPrice": true, "AllowUnknownPrices": true }""")]
    public async Task GeneratedRequest_GetsWhatExplainSays(int seed, string limits)
    {
        await using var gateway = await StartAsync(limits);
        using var folder = new SettingsFolder();
        folder.Write("appsettings.json", gateway.Settings());
        var snapshot = await folder.LoadGoodAsync();
        var prices = PriceList.Read(await File.ReadAllBytesAsync(gateway.PricesPath, TestContext.Current.CancellationToken));
        var random = new TestRandom((ulong)seed);
        var (allowed, codes) = (0, new HashSet<string>(StringComparer.Ordinal));
        for (var i = 0; i < RequestsPerRun; i++)
        {
            var (id, _) = Teams[random.Next(Teams.Length)];
            var path = RandomRequest.Path(random);
            var body = RandomRequest.Body(random);

            var error = await CompareAsync(gateway, snapshot, prices, id, path, body, $"seed {seed}, request {i}");

            allowed += error is null ? 1 : 0;
            codes.Add(error?.Code ?? "");
        }

        // The generator reaches every kind of verdict.
        Assert.InRange(allowed, RequestsPerRun / 10, RequestsPerRun * 9 / 10);
        Assert.Superset(
            new HashSet<string>(
                ["", "not_found", "endpoint_not_allowed", "invalid_json", "invalid_model", "invalid_provider", "model_not_allowed", "provider_not_allowed", "request_too_large",
                    "server_tool_not_allowed"],
                StringComparer.Ordinal),
            codes);
        Assert.Equal(limits == "{}", codes.Contains("price_unknown"));
    }

    [Theory]
    [InlineData("denying", """{"model":"bad/model","messages":[],"model":"gpt-4o"}""")]
    [InlineData("denying", """{"model":"evil","messages":[],"model":"nice"}""")]
    [InlineData("denying", """{"model":"nice","preset":"b\u0061d"}""")]
    [InlineData("presets", """{"model":"nice","preset":"\ud800"}""")]
    [InlineData("presets", """{"model":"nice","preset":["a"]}""")]
    public async Task KnownRequest_GetsWhatExplainSays(string team, string body)
    {
        await using var gateway = await StartAsync("{}");
        using var folder = new SettingsFolder();
        folder.Write("appsettings.json", gateway.Settings());

        await CompareAsync(
            gateway, await folder.LoadGoodAsync(), PriceList.Empty, team, "/v1/chat/completions", Encoding.UTF8.GetBytes(body), body);
    }

    /// <summary>
    /// Budgets nearly used up, reservations of calls in flight, and limits used up: the explanation sees them as the request does, and takes
    /// nothing.
    /// </summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task RequestAtTheEdge_GetsWhatExplainSays(int seed)
    {
        FakeTime.SkipWithPublishedProgram();
        var time = FakeTime.StartNow();
        await using var gateway = await TeamGateway.StartAsync(new TeamGatewayOptions
        {
            Time = time,
            Team = EdgeTeams[0].More,
            MoreTeams = reference => EdgeTeams[1..].Select(
                team => TeamSetup.Team(team.More, team.Id, KeyOf(team.Id), team.KeyMore, reference)),
            PrepareUpstream = static upstream =>
            {
                upstream.Prices.Set("test/dollar", "0", "0", "1");
                upstream.Prices.Set("test/mill", "0", "0.001");
            },
        });
        var snapshot = gateway.Gateway.Services.GetRequiredService<SettingsStore>().Current;
        var prices = gateway.Gateway.Services.GetRequiredService<PriceListStore>().For(snapshot);
        var stores = gateway.Gateway.Services.GetRequiredService<LimitStores>();
        var preview = new AdmissionPreview(stores.LimitPreview, stores.BudgetPreview, time);
        await using var holding = await gateway.OpenStreamAsync("\"model\":\"test/dollar\"", "x-fake-stall-after: 1", "x-api-key: " + KeyOf("holding"));
        await using var busy = await gateway.OpenStreamAsync("", "x-fake-stall-after: 1", "x-api-key: " + KeyOf("busy"));

        // Holds its estimate: a settled answer would give nearly all of it back.
        await using var tokens = await gateway.OpenStreamAsync("\"max_tokens\":400", "x-fake-stall-after: 1", "x-api-key: " + KeyOf("tokens"));
        var random = new TestRandom((ulong)seed);
        var outcomes = new HashSet<(string Team, string Code)>();
        for (var i = 0; i < EdgeRequests; i++)
        {
            var id = EdgeTeams[random.Next(EdgeTeams.Length)].Id;
            var model = EdgeModels[random.Next(EdgeModels.Length)];
            var members = $"\"model\":\"{model}\",\"max_tokens\":{1 + random.Next(400)}";
            var body = Encoding.UTF8.GetBytes(TeamGateway.Body(random.Next(5) == 0 ? members[..members.IndexOf(',', StringComparison.Ordinal)] : members));
            var path = random.Next(10) == 0 ? "/v1/messages/count_tokens" : "/v1/chat/completions";
            Assert.True(snapshot.Teams.TryGet(id, out var team));
            var request = new ExplainedRequest(snapshot, team, path, body);
            var expected = await RequestExplainer.ExplainAsync(request, prices, preview, TimeProvider.System.GetUtcNow());

            // Neither explanation has taken anything.
            var again = await RequestExplainer.ExplainAsync(request, prices, preview, TimeProvider.System.GetUtcNow());
            Assert.Equal(expected.Error?.Message, again.Error?.Message);
            var error = await CompareAsync(gateway, expected, id, path, body, $"seed {seed}, request {i}");

            outcomes.Add((id, error?.Code ?? ""));
            time.Advance(TimeSpan.FromMilliseconds(random.Next(1000)));
        }

        // Each team gets through and is refused by its limit or its budget.
        (string, string)[] wanted =
        [
            ("search", ""), ("search", "budget_exceeded"), ("search", "price_unknown"), ("holding", "budget_reserved"), ("reporting", ""),
            ("requests", ""), ("requests", "rate_limit_exceeded"), ("tokens", ""), ("tokens", "rate_limit_exceeded"),
            ("busy", "rate_limit_exceeded"), ("keyed", ""), ("keyed", "rate_limit_exceeded"),
            ("thrifty", "budget_exceeded"), ("thrifty", "model_not_allowed"), ("poor", "budget_exceeded"),
        ];
        Assert.Empty(wanted.Except(outcomes));
        Assert.DoesNotContain(("reporting", "budget_exceeded"), outcomes);
    }

    private const int EdgeRequests = 180;

    private static readonly string[] EdgeModels = ["test/dollar", "test/mill", "test/mill", "test/mill", TeamGateway.Model, "nobody/knows"];

    private static readonly (string Id, string More, string KeyMore)[] EdgeTeams =
    [
        ("search", """ "Budget": { "Usd": 1.3, "Period": "Total" } """, ""),
        ("holding", """ "Budget": { "Usd": 1.2, "Period": "Month" } """, ""),
        ("reporting", """ "Budget": { "Usd": 0.5, "Period": "Total", "WhenExceeded": "Report" } """, ""),
        ("requests", """ "Limits": { "RequestsPerMinute": 5 } """, ""),
        ("tokens", """ "Limits": { "TokensPerMinute": 450 }, "Budget": { "Usd": 100 } """, ""),
        ("busy", """ "Limits": { "ConcurrentRequests": 1 } """, ""),
        ("keyed", """ "Limits": { "RequestsPerMinute": 50 } """, """, "Label": "ci", "Limits": { "RequestsPerMinute": 4, "TokensPerMinute": 2000 } """),
        ("thrifty", """ "Budget": { "Usd": 100 } """, """, "AllowedModels": ["test/mill"], "Budget": { "Usd": 0.2, "Period": "Total" } """),
        ("poor", """ "Budget": { "Usd": 0.2, "Period": "Total" } """, """, "Budget": { "Usd": 100 } """),
    ];

    private static Task<TeamGateway> StartAsync(string limits) => TeamGateway.StartAsync(new TeamGatewayOptions
    {
        Team = Teams[0].More,
        MoreTeams = reference => Teams[1..].Select(team => TeamSetup.Team(team.More, team.Id, KeyOf(team.Id), reference: reference)),
        Limits = limits,
        Sections = [("ProviderMapping", GlobalMapping), ("Server", $$"""{ "MaxRequestBodySize": {{RandomRequest.MaxSize}} }""")],
    });

    private static string KeyOf(string team) => team == Teams[0].Id ? TeamSetup.Key : $"ogw-key-of-{team}";

    /// <summary>Sends a request, explains it, and compares.</summary>
    /// <returns>The error that both give; <see langword="null"/> for a request that goes upstream.</returns>
    private static async Task<GatewayError?> CompareAsync(
        TeamGateway gateway, SettingsSnapshot snapshot, PriceList prices, string id, string path, byte[] body, string name)
    {
        Assert.True(snapshot.Teams.TryGet(id, out var team));
        return await CompareAsync(gateway, RequestExplainer.Explain(snapshot, team, prices, path, body), id, path, body, name);
    }

    /// <summary>Sends a request and compares its answer with an explanation.</summary>
    private static async Task<GatewayError?> CompareAsync(
        TeamGateway gateway, RequestExplanation expected, string id, string path, byte[] body, string name)
    {
        var context = $"{name}: team {id}, POST {path}, body {Encoding.Latin1.GetString(body.AsSpan(0, Math.Min(body.Length, 500)))}";

        var call = TeamGateway.NextId();
        await using var client = await gateway.Gateway.ConnectAsync();
        await client.PostAsync(path, body, "x-api-key: " + KeyOf(id), "x-fake-id: " + call);
        var (head, answer) = await client.ReadAsync();
        var received = gateway.Upstream.Requests.Find(call);

        if (expected.Error is { } error)
        {
            Assert.True(received is null, $"{error.Code}, but it was forwarded. {context}");
            Assert.True(error.Status == head.Status, $"{error.Status} {error.Code}, but the answer is {head.StatusLine}. {context}");
            Assert.True(
                answer.Bytes.AsSpan().SequenceEqual(GatewayErrorWriter.RenderBody(expected.Dialect, error).WrittenSpan),
                $"{error.Message} But the answer is {answer.Text}. {context}");
            return error;
        }

        Assert.True(received is not null, $"Allowed, but the answer is {head.StatusLine} {answer.Text}. {context}");
        Assert.True(
            received.Body.AsSpan().SequenceEqual(expected.SentBody!.Value.Span),
            $"{Encoding.Latin1.GetString(expected.SentBody.Value.Span)} but upstream got {Encoding.Latin1.GetString(received.Body ?? [])}. {context}");
        return null;
    }
}
