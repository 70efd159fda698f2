using System.Text;
using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.EndToEnd;

/// <summary>
/// Promise: pages of other origins can use the gateway. It answers preflights itself, without a key, and every response says which pages may
/// read it and which of its headers. <see cref="Clients.ChromiumTests"/> shows the same in a browser.
/// </summary>
public sealed class BrowserTests : IClassFixture<BrowserTests.Fixture>
{
    private const string Chat = "/v1/chat/completions";
    private const string Page = "Origin: https://app.example";
    private const string AsksPost = "Access-Control-Request-Method: POST";
    private const string OwnKey = "Authorization: Bearer sk-or-v1-own";
    private const string PostsOnly = "/posts/only";

    private const string SdkHeaders =
        "authorization,content-type,x-stainless-arch,x-stainless-lang,x-stainless-os,x-stainless-package-version,x-stainless-retry-count,"
        + "x-stainless-runtime,x-stainless-runtime-version,x-stainless-timeout";

    private readonly Fixture _fixture;

    public BrowserTests(Fixture fixture)
    {
        _fixture = fixture;
    }

    private GatewayPair Open => _fixture.Open;

    private GatewayPair Team => _fixture.Team;

    [Theory]
    [InlineData(Chat)]
    [InlineData("/v1/models")]
    [InlineData("/api/v1/responses")]
    [InlineData("/api/messages")]
    [InlineData("/api/beta/batches")]
    [InlineData("/api/alpha/anything")]
    [InlineData("/v1/keys")]
    [InlineData("/health")]
    [InlineData(PostsOnly)]
    public async Task Preflight_IsAnsweredHereWithoutAKey(string path)
    {
        foreach (var pair in (GatewayPair[])[Open, Team])
        {
            var call = await pair.SendAsync("OPTIONS", path, [Page, AsksPost, "Access-Control-Request-Headers: " + SdkHeaders], null);

            Assert.Equal(204, call.Status);
            Assert.Empty(call.Body.Bytes);
            Assert.Equal("*", call.Head.Header("Access-Control-Allow-Origin"));
            Assert.Contains("POST", call.Head.Header("Access-Control-Allow-Methods")!.Split(", "));
            Assert.Equal(SdkHeaders, call.Head.Header("Access-Control-Allow-Headers"));
            Assert.Equal("86400", call.Head.Header("Access-Control-Max-Age"));
            Assert.NotEmpty(call.Head.Header("x-request-id")!);
            Assert.Null(call.Upstream);
        }
    }

    /// <summary>A page sees the 404 of a request only if its preflight has succeeded.</summary>
    [Theory]
    [InlineData("/nowhere")]
    [InlineData("/chat/completions")]
    [InlineData("/v1//chat/completions")]
    [InlineData("/v1/models/openai%2Fgpt-4o")]
    public async Task PathWithoutARoute_IsAReadable404BehindItsPreflight(string path)
    {
        var preflight = await Open.SendAsync("OPTIONS", path, [Page, AsksPost], null);
        var call = await Open.SendAsync("POST", path, [Page], "{}"u8.ToArray());

        Assert.Equal((204, "*"), (preflight.Status, preflight.Head.Header("Access-Control-Allow-Origin")));
        call.IsRefused(404);
        Assert.Equal("*", call.Head.Header("Access-Control-Allow-Origin"));
        Assert.Null(call.Upstream);
    }

    [Fact]
    public async Task Preflight_IsAnsweredWhateverKeyItCarries()
    {
        foreach (var pair in (GatewayPair[])[Open, Team])
        {
            var call = await pair.SendAsync("OPTIONS", Chat, [Page, AsksPost, "Authorization: Bearer ogw-nobody"], null);

            Assert.Equal(204, call.Status);
            Assert.Null(call.Upstream);
        }
    }

    [Theory]
    [InlineData(4096, true)]
    [InlineData(4097, false)]
    public async Task RequestedHeaders_AreEchoedUpToALimit(int length, bool isEchoed)
    {
        var list = "authorization," + new string('x', length - 14);
        var call = await Open.SendAsync("OPTIONS", Chat, [Page, AsksPost, "Access-Control-Request-Headers: " + list], null);

        Assert.Equal(204, call.Status);
        Assert.Equal(isEchoed ? list : null, call.Head.Header("Access-Control-Allow-Headers"));
    }

    [Theory]
    [InlineData("x-a;q=1")]
    [InlineData("\"x-a\"")]
    [InlineData("x-\u00E4")]
    public async Task RequestedHeadersThatAreNoNames_AreNotEchoed(string list)
    {
        var call = await Open.SendAsync("OPTIONS", Chat, [Page, AsksPost, "Access-Control-Request-Headers: " + list], null);

        Assert.Equal(204, call.Status);
        Assert.Null(call.Head.Header("Access-Control-Allow-Headers"));
    }

    [Theory]
    [InlineData]
    [InlineData(Page)]
    [InlineData(AsksPost)]
    public async Task OptionsThatIsNoPreflight_IsForwarded(params string[] lines)
    {
        var call = await Open.SendAsync("OPTIONS", Chat, [OwnKey, .. lines], null);

        Assert.Equal("OPTIONS", call.Forwarded.Method);
    }

    [Theory]
    [InlineData("POST", Chat, 401)]
    [InlineData("GET", "/nowhere", 404)]
    [InlineData("GET", "/v1/models//x", 404)]
    [InlineData("POST", "/health", 405)]
    [InlineData("POST", Chat, 400, OwnKey)]
    [InlineData("POST", "/v1/messages", 400, OwnKey)]
    [InlineData("POST", Chat, 415, OwnKey, "Content-Type: multipart/form-data; boundary=b")]
    [InlineData("POST", "/v1/audio/speech", 502, OwnKey, "x-fake-close: 1")]
    public async Task GatewayError_IsReadableToAnyPage(string method, string path, int status, params string[] lines)
    {
        var body = method == "POST" ? "[]"u8.ToArray() : null;
        var fromPage = await Open.SendAsync(method, path, [Page, .. lines], body);
        var other = await Open.SendAsync(method, path, lines, body);

        Assert.Equal((status, status), (fromPage.Status, other.Status));
        Assert.Equal("*", fromPage.Head.Header("Access-Control-Allow-Origin"));
        Assert.Equal("*", other.Head.Header("Access-Control-Allow-Origin"));
        ExposesWhatItCarries(fromPage);
        Assert.Null(other.Head.Header("Access-Control-Expose-Headers"));
    }

    [Fact]
    public async Task TeamRefusal_ExposesTheLevelsOfItsLimits()
    {
        await Team.SendAsync("POST", Chat, [TeamSetup.Bearer], """{"model":"m","messages":[]}"""u8.ToArray());
        var call = await Team.SendAsync("POST", Chat, [Page, TeamSetup.Bearer], """{"model":"m","messages":[]}"""u8.ToArray());

        call.IsRefused(429);
        var exposed = ExposesWhatItCarries(call);
        Assert.Superset(
            new HashSet<string>(
                [
                    "retry-after", "retry-after-ms", "x-gateway-error", "x-request-id", "x-ratelimit-limit-requests",
                    "x-ratelimit-remaining-requests", "x-ratelimit-reset-requests",
                ],
                StringComparer.OrdinalIgnoreCase),
            exposed);
    }

    [Theory]
    [InlineData("x-fake-stream: 0")]
    [InlineData("x-fake-stream: 1")]
    [InlineData("x-fake-status: 429", "x-fake-header: Retry-After: 3", "x-fake-header-2: X-RateLimit-Limit: 9")]
    public async Task UpstreamsAnswer_IsReadableToAnyPage(params string[] lines)
    {
        var fromPage = await CallAsync([Page, .. lines]);
        var other = await CallAsync(lines);

        Assert.Equal("*", fromPage.Head.Header("Access-Control-Allow-Origin"));
        Assert.Equal("*", other.Head.Header("Access-Control-Allow-Origin"));
        Assert.Contains("x-gateway-rule", ExposesWhatItCarries(fromPage));
        Assert.Null(other.Head.Header("Access-Control-Expose-Headers"));
    }

    [Fact]
    public async Task UpstreamsAllowedOrigin_Stays()
    {
        var call = await CallAsync(Page, "x-fake-header: Access-Control-Allow-Origin: https://app.example");

        Assert.Equal("https://app.example", call.Head.Header("Access-Control-Allow-Origin"));
    }

    [Theory]
    [InlineData("X-Own, X-REQUEST-ID", "X-Own, X-REQUEST-ID, X-Generation-Id, x-gateway-rule")]
    [InlineData("*", "*")]
    public async Task UpstreamsExposedHeaders_StayBesideTheGateways(string upstreams, string joined)
    {
        var call = await CallAsync(Page, "x-fake-header: Access-Control-Expose-Headers: " + upstreams);
        var other = await CallAsync("x-fake-header: Access-Control-Expose-Headers: " + upstreams);

        Assert.Equal(
            joined.Split(", ").Order(StringComparer.OrdinalIgnoreCase),
            call.Head.Header("Access-Control-Expose-Headers")!.Split(", ").Order(StringComparer.OrdinalIgnoreCase));
        Assert.Equal(upstreams, other.Head.Header("Access-Control-Expose-Headers"));
    }

    [Fact]
    public async Task Health_IsReadableToAnyPage()
    {
        var call = await Open.SendAsync("GET", "/health", [Page], null);

        Assert.Equal("*", call.Head.Header("Access-Control-Allow-Origin"));
        ExposesWhatItCarries(call);
    }

    private Task<Exchange> CallAsync(params string[] lines) =>
        Open.SendAsync("POST", Chat, [OwnKey, .. lines], Encoding.UTF8.GetBytes("""{"model":"m","messages":[]}"""));

    /// <summary>Asserts that a response exposes those of its headers that a page needs, and no name besides.</summary>
    private static HashSet<string> ExposesWhatItCarries(Exchange call)
    {
        var exposed = call.Head.Header("Access-Control-Expose-Headers")!.Split(", ").ToHashSet(StringComparer.OrdinalIgnoreCase);
        Assert.Equal(
            call.Head.Headers.Select(header => header.Key).Where(IsNeeded).Order(StringComparer.OrdinalIgnoreCase),
            exposed.Order(StringComparer.OrdinalIgnoreCase));
        return exposed;

        static bool IsNeeded(string name) => name.ToUpperInvariant() is var upper
            && (upper is "X-REQUEST-ID" or "X-GENERATION-ID" or "RETRY-AFTER" or "RETRY-AFTER-MS" or "X-SHOULD-RETRY"
                || upper.StartsWith("X-GATEWAY-", StringComparison.Ordinal)
                || upper.StartsWith("X-RATELIMIT-", StringComparison.Ordinal));
    }

    public sealed class Fixture : IAsyncLifetime
    {
        private readonly TempFolder _folder = new();
        private GatewayPair? _open;
        private GatewayPair? _team;

        internal GatewayPair Open => _open ?? throw new InvalidOperationException("Not started.");

        internal GatewayPair Team => _team ?? throw new InvalidOperationException("Not started.");

        public async ValueTask InitializeAsync()
        {
            const string Rules = """{ "Rules": [ { "Name": "all", "Model": "*", "Provider": { "ignore": [ "nobody" ] } } ] }""";
            const string Route = $$"""{ "ClusterId": "openrouter", "Match": { "Methods": [ "POST" ], "Path": "{{PostsOnly}}" } }""";
            var key = _folder.Write("search.key", TeamSetup.UpstreamKey);
            _open = await GatewayPair.StartAsync(
                options => options.Settings = TeamSetup.WithRoutes(ShippedSettings.With(("ProviderMapping", Rules)), ("posts", Route)));
            _team = await GatewayPair.StartAsync(options =>
            {
                // The clock stands still, so that no request refills the limit; that of a process takes a minute.
                options.Time = FakeTime.StartNow();
                options.Settings = TeamSetup.WithRoutes(
                    TeamSetup.Settings(TeamSetup.Team(""" "Limits": { "RequestsPerMinute": 1 } """, reference: "file:" + key)),
                    ("posts", Route));
            });
        }

        public async ValueTask DisposeAsync()
        {
            if (_open is not null)
            {
                await _open.DisposeAsync();
            }

            if (_team is not null)
            {
                await _team.DisposeAsync();
            }

            _folder.Dispose();
        }
    }
}
