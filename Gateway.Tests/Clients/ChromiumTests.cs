using System.Text.Json;
using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.Clients;

/// <summary>
/// Promise: a page of another origin uses the gateway with npm's <c>openai</c> in a real browser: its calls are answered, and every error is
/// the SDK's own for its status, with the headers that steer retries. Without CORS headers each of them is a "Connection error.".
/// </summary>
public sealed class ChromiumTests : IClassFixture<ChromiumTests.Page>
{
    private const string LimitedKey = "ogw-test-key-of-limited";

    private readonly Page _page;

    public ChromiumTests(Page page)
    {
        _page = page;
    }

    [Fact]
    public void Answer_AndItsHeadersAreReadable()
    {
        var answer = _page.Check("answer");
        var headers = answer.GetProperty("headers");

        Assert.Equal("Hello from the scripted upstream.", answer.GetProperty("text").GetString());
        Assert.NotEmpty(headers.GetProperty("x-request-id").GetString()!);
        Assert.Equal("all", headers.GetProperty("x-gateway-rule").GetString());
        Assert.StartsWith("gen-", headers.GetProperty("x-generation-id").GetString(), StringComparison.Ordinal);
        Assert.Equal("99", headers.GetProperty("x-ratelimit-remaining-requests").GetString());
        Assert.False(headers.TryGetProperty("x-gateway-error", out _));
    }

    [Fact]
    public void Stream_IsReadable() => Assert.Equal(" word word word word", _page.Check("stream").GetProperty("text").GetString());

    [Fact]
    public void Catalogue_IsReadable() => Assert.NotEqual(0, _page.Check("models").GetProperty("models").GetInt32());

    [Theory]
    [InlineData("bad-key", "AuthenticationError", 401, "invalid_api_key")]
    [InlineData("closed-model", "PermissionDeniedError", 403, "model_not_allowed")]
    [InlineData("bad-request", "BadRequestError", 400, "invalid_provider")]
    [InlineData("limit-reached", "RateLimitError", 429, "rate_limit_exceeded")]
    [InlineData("unreachable", "InternalServerError", 502, "upstream_unreachable")]
    public void GatewayError_IsTheSdksOwn(string id, string type, int status, string code)
    {
        var error = _page.Check(id);

        Assert.Equal(type, error.GetProperty("type").GetString());
        Assert.Equal(status, error.GetProperty("status").GetInt32());
        Assert.Equal(code, error.GetProperty("code").GetString());
        Assert.Equal("1", error.GetProperty("headers").GetProperty("x-gateway-error").GetString());
    }

    [Fact]
    public void LimitReached_SaysWhenToTryAgain()
    {
        var headers = _page.Check("limit-reached").GetProperty("headers");

        Assert.Equal("0", headers.GetProperty("x-ratelimit-remaining-requests").GetString());
        Assert.Equal("60", headers.GetProperty("retry-after").GetString());
        Assert.Equal("60000", headers.GetProperty("retry-after-ms").GetString());
    }

    [Fact]
    public void UpstreamError_IsTheSdksOwn()
    {
        var error = _page.Check("upstream-error");

        Assert.Equal(("RateLimitError", 429), (error.GetProperty("type").GetString(), error.GetProperty("status").GetInt32()));
        Assert.Equal("7", error.GetProperty("headers").GetProperty("retry-after").GetString());
        Assert.False(error.GetProperty("headers").TryGetProperty("x-gateway-error", out _));
    }

    [Fact]
    public void PathWithoutARoute_IsAReadable404()
    {
        var response = _page.Check("no-route");

        Assert.Equal((404, "not_found"), (response.GetProperty("status").GetInt32(), response.GetProperty("code").GetString()));
        Assert.Equal("1", response.GetProperty("headers").GetProperty("x-gateway-error").GetString());
    }

    [Fact]
    public void Preflights_StayHere()
    {
        _page.Check("answer");

        Assert.NotEmpty(_page.Methods);
        Assert.DoesNotContain("OPTIONS", _page.Methods);
    }

    public sealed class Page : IAsyncLifetime
    {
        private TeamGateway? _team;
        private string? _missing;
        private JsonElement _checks;

        /// <summary>The methods of the requests that arrived upstream.</summary>
        internal IEnumerable<string> Methods => _team!.Upstream.Requests.All.Select(request => request.Method);

        public async ValueTask InitializeAsync()
        {
            _missing = Chromium.Missing ?? await NodeToolchain.EnsureAsync();
            if (_missing is not null)
            {
                return;
            }

            // The clock stands still, so that no request refills a limit.
            _team = await TeamGateway.StartAsync(new TeamGatewayOptions
            {
                Team = """ "DeniedModels": [ "denied/*" ], "Limits": { "RequestsPerMinute": 100 } """,
                MoreTeams = static reference =>
                    [TeamSetup.Team(""" "Limits": { "RequestsPerMinute": 1 } """, "limited", LimitedKey, reference: reference)],
                Sections =
                [
                    ("ProviderMapping", """{ "Rules": [ { "Name": "all", "Model": "*", "Provider": { "ignore": [ "nobody" ] } } ] }"""),
                ],
                Time = FakeTime.StartNow(),
            });
            await using var server = await PageServer.StartAsync("browser.mjs");
            var gateway = _team.Gateway.Address.GetLeftPart(UriPartial.Authority);
            await using var browser = Chromium.Open($"{server.Url}#gateway={gateway}&key={TeamSetup.Key}&limitedKey={LimitedKey}");
            var report = server.Report;
            if (await Task.WhenAny(report, browser.Exited) != report)
            {
                Assert.Fail("The browser ended before the page had reported.\n" + browser.Output);
            }

            try
            {
                _checks = await report;
            }
            catch (TimeoutException hung)
            {
                throw new InvalidOperationException(browser.Output, hung);
            }
        }

        public async ValueTask DisposeAsync()
        {
            if (_team is not null)
            {
                await _team.DisposeAsync();
            }
        }

        /// <summary>The facts of a check; skips the test where there is no browser.</summary>
        internal JsonElement Check(string id)
        {
            Assert.SkipWhen(_missing is not null, _missing ?? "");
            return _checks.GetProperty(id);
        }
    }
}
