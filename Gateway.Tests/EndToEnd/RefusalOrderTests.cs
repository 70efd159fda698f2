using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.EndToEnd;

/// <summary>
/// Promise: a request that several checks would refuse is refused by the first of them: the key, the endpoint, the requests in flight, the
/// body, the server tools and models, the rules, the limits, the budget.
/// </summary>
public sealed class RefusalOrderTests : IClassFixture<RefusalOrderTests.Fixture>
{
    private const int MaxBodySize = 8000;

    // In the order of the checks. The kinds of one step are not compared with each other.
    private static readonly (int Step, string Kind, int Status, string Code)[] Refusals =
    [
        (1, "key", 401, "invalid_api_key"),
        (2, "path", 403, "endpoint_not_allowed"),
        (3, "in flight", 429, "rate_limit_exceeded"),
        (4, "type", 415, "unsupported_media_type"),
        (4, "encoding", 415, "unsupported_content_encoding"),
        (4, "encoded", 400, "invalid_content_encoding"),
        (4, "size", 413, "request_too_large"),
        (4, "json", 400, "invalid_json"),
        (4, "provider", 400, "invalid_provider"),
        (4, "names", 400, "invalid_model"),
        (5, "tool", 403, "server_tool_not_allowed"),
        (5, "model", 403, "model_not_allowed"),
        (6, "rule", 403, "provider_not_allowed"),
        (7, "limit", 429, "rate_limit_exceeded"),
        (8, "price", 402, "price_unknown"),
        (8, "budget", 402, "budget_exceeded"),
    ];

    private readonly TeamGateway _team;

    public RefusalOrderTests(Fixture fixture)
    {
        _team = fixture.Team;
    }

    /// <summary>All pairs of two steps; each pair of neighbours is among them.</summary>
    public static TheoryData<string, string> Pairs
    {
        get
        {
            var pairs = new TheoryData<string, string>();
            foreach (var first in Refusals)
            {
                foreach (var second in Refusals.Where(second => second.Step > first.Step))
                {
                    pairs.Add(first.Kind, second.Kind);
                }
            }

            return pairs;
        }
    }

    [Theory]
    [MemberData(nameof(Pairs))]
    public async Task RequestThatTwoChecksRefuse_IsRefusedByTheFirst(string first, string second)
    {
        await IsRefusedAsync(first, first, second);

        // The second check would have refused it.
        await IsRefusedAsync(second, second);
    }

    [Fact]
    public async Task RequestWithoutAFault_Passes() => Assert.Equal(200, (await SendAsync([])).Status);

    private async Task IsRefusedAsync(string by, params string[] faults)
    {
        var call = await SendAsync(faults);

        var (_, _, status, code) = Refusals.Single(refusal => refusal.Kind == by);
        call.IsRefused(status);
        var error = call.Json.GetProperty("error");
        Assert.Equal(code, error.GetProperty("code").GetString());
        if (code == "rate_limit_exceeded")
        {
            Assert.Equal(
                by == "in flight" ? "concurrent_requests" : "requests", error.GetProperty("metadata").GetProperty("limit").GetString());
        }

        Assert.Null(call.Upstream);
    }

    /// <summary>Sends a request with all of these faults.</summary>
    private Task<Exchange> SendAsync(string[] faults)
    {
        var key = Has("key") ? "ogw-nobody" : Fixture.KeyOf(Has("in flight"), Has("limit"));
        string[] lines =
        [
            "x-api-key: " + key,
            .. Has("type") ? ["Content-Type: multipart/form-data"] : Array.Empty<string>(),
            .. Has("encoding") ? ["Content-Encoding: zstd"] : Has("encoded") ? ["Content-Encoding: gzip"] : Array.Empty<string>(),
        ];
        string[] members =
        [
            $"\"model\":\"{(Has("model") ? "denied" : Has("price") ? "unpriced" : "openai")}/{(Has("rule") ? "ruled" : "gpt-4o-mini")}\"",
            "\"messages\":[]",
            .. Has("provider") ? ["\"provider\":5"] : Has("rule") ? ["\"provider\":{\"only\":[\"openai\"]}"] : Array.Empty<string>(),
            .. Has("names") ? ["\"models\":5"] : Array.Empty<string>(),
            .. Has("tool") ? ["\"tools\":[{\"type\":\"openrouter:files\"}]"] : Array.Empty<string>(),
            .. Has("budget") ? ["\"max_tokens\":100000000"] : Array.Empty<string>(),
            .. Has("size") ? [$"\"user\":\"{new string('x', MaxBodySize)}\""] : Array.Empty<string>(),
        ];
        var body = $"{{ {string.Join(", ", members)} {(Has("json") ? "" : "}")}";
        return _team.PostAsync(Has("path") ? "/v1/keys" : "/v1/chat/completions", body, lines);

        bool Has(string fault) => faults.Contains(fault);
    }

    public sealed class Fixture : IAsyncLifetime
    {
        private readonly List<TeamCall> _held = [];

        internal TeamGateway Team { get; private set; } = null!;

        public async ValueTask InitializeAsync()
        {
            Team = await TeamGateway.StartAsync(new TeamGatewayOptions
            {
                // Limits refill as time passes.
                Time = new StandingTime(),
                MoreTeams = static reference =>
                [
                    TeamJson(isBusy: false, isLimited: false, reference), TeamJson(isBusy: true, isLimited: false, reference),
                    TeamJson(isBusy: false, isLimited: true, reference), TeamJson(isBusy: true, isLimited: true, reference),
                ],
                Limits = """{ "Prices": [ { "Model": "openai/ruled", "Prompt": "0.000001", "Completion": "0.000001" } ] }""",
                Sections =
                [
                    ("Server", $$"""{ "MaxRequestBodySize": {{MaxBodySize}} }"""),
                    ("ProviderMapping", """
                        {
                          "Rules": [
                            { "Name": "eu", "Model": "*/ruled", "WhenClientSetsProvider": "Enforce", "Provider": { "only": ["mistral"] } }
                          ]
                        }
                        """),
                ],
            });

            // The stream that a busy team holds is also the one request that a limited one has.
            foreach (var (isBusy, isLimited) in ((bool, bool)[])[(true, false), (true, true), (false, true)])
            {
                var call = await Team.OpenStreamAsync("", "x-api-key: " + KeyOf(isBusy, isLimited), isBusy ? "x-fake-stall-after: 1" : "x-fake-events: 1");
                Assert.Equal(200, call.Head!.Status);
                _held.Add(call);
            }
        }

        public async ValueTask DisposeAsync()
        {
            foreach (var call in _held)
            {
                await call.DisposeAsync();
            }

            await Team.DisposeAsync();
        }

        internal static string KeyOf(bool isBusy, bool isLimited) => $"ogw-{(isBusy ? "busy" : "idle")}-{(isLimited ? "limited" : "free")}";

        private static string TeamJson(bool isBusy, bool isLimited, string reference)
        {
            string[] limits =
            [
                .. isBusy ? ["\"ConcurrentRequests\": 1"] : Array.Empty<string>(),
                .. isLimited ? ["\"RequestsPerMinute\": 1"] : Array.Empty<string>(),
            ];
            var key = KeyOf(isBusy, isLimited);
            return TeamSetup.Team(
                $$""" "DeniedModels": ["denied/*"], "Budget": { "Usd": 1 }, "Limits": { {{string.Join(", ", limits)}} } """,
                key,
                key,
                reference: reference);
        }
    }
}
