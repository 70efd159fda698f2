using System.Text.Json;
using FakeOpenRouter;
using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.EndToEnd;

/// <summary>
/// Promise: no request of the corpus gets round the rules, the rights, the budget or the headers' cleaning, and none stops the gateway. The tests run
/// against the program that <see cref="GatewayProcess.ProgramVariable"/> names, like every end-to-end test.
/// </summary>
public sealed class HostileRequestTests : IClassFixture<HostileRequestTests.Fixture>
{
    private const string OpenKey = "sk-or-v1-own";

    private static readonly string[] Rewritten = ["/completions", "/responses", "/messages"];

    private readonly Fixture _fixture;

    public HostileRequestTests(Fixture fixture)
    {
        _fixture = fixture;
    }

    public static TheoryData<string> Names => [.. HostileRequests.All.Select(request => request.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public async Task Request_IsRefusedOrObeys(string name)
    {
        var request = HostileRequests.All.Single(request => request.Name == name);

        await CheckAsync(_fixture.Open.Gateway, _fixture.Open.Upstream, request, OpenKey, request.Open);
        await CheckAsync(_fixture.Team.Gateway, _fixture.Team.Upstream, request, TeamSetup.Key, request.Team);
    }

    private static async Task CheckAsync(
        GatewayHost gateway, FakeOpenRouterServer upstream, HostileRequest request, string key, int expected)
    {
        var id = TeamGateway.NextId();
        var raw = request.Raw
            .Replace(HostileRequests.Key, key, StringComparison.Ordinal)
            .Replace(HostileRequests.Id, id, StringComparison.Ordinal);
        var status = await SendAsync(gateway, raw);
        var arrived = upstream.Requests.Find(id);
        if (expected == HostileRequest.Refused)
        {
            Assert.InRange(status, 400, 599);
        }
        else if (expected != HostileRequest.Any)
        {
            Assert.Equal(expected, status);
        }

        if (expected is not (HostileRequest.Any or 200))
        {
            Assert.Null(arrived);
        }

        if (arrived is not null)
        {
            Obeys(arrived, key);
        }

        using var health = await gateway.Client.GetAsync("/health/live", TestContext.Current.CancellationToken);
        Assert.True(health.IsSuccessStatusCode);
    }

    private static async Task<int> SendAsync(GatewayHost gateway, string raw)
    {
        await using var client = await gateway.ConnectAsync();
        await client.SendAsync(raw);
        return (await client.ReadHeadAsync()).Status;
    }

    /// <summary>The assertions that hold for every request that is forwarded.</summary>
    private static void Obeys(ReceivedRequest arrived, string key)
    {
        Assert.DoesNotContain(
            arrived.Headers, header => HostileRequests.HiddenHeaders.Contains(header.Key, StringComparer.OrdinalIgnoreCase));
        if (key == TeamSetup.Key)
        {
            Assert.DoesNotContain(arrived.Headers, header => header.Value.Contains("ogw-", StringComparison.OrdinalIgnoreCase));
            Assert.DoesNotContain(
                arrived.Headers, header => header.Key.StartsWith("X-OpenRouter-Cache", StringComparison.OrdinalIgnoreCase));
        }

        if (arrived.Method == "POST" && Rewritten.Any(path => arrived.Path.Trim('/').EndsWith(path, StringComparison.OrdinalIgnoreCase)))
        {
            using var body = JsonDocument.Parse(arrived.Body, new JsonDocumentOptions { MaxDepth = 10_000 });
            var provider = Assert.Single(body.RootElement.EnumerateObject(), member => member.Name == "provider").Value;
            Assert.Equal("mistral", Assert.Single(provider.GetProperty("only").EnumerateArray()).GetString());
            Assert.True(provider.GetProperty("zdr").GetBoolean());
        }
    }

    public sealed class Fixture : IAsyncLifetime
    {
        private const string Rules =
            """
            { "Rules": [ { "Name": "eu", "Model": "*", "WhenClientSetsProvider": "Enforce",
                           "Provider": { "only": ["mistral"], "zdr": true } } ] }
            """;

        private GatewayPair? _open;
        private TeamGateway? _team;

        internal GatewayPair Open => _open ?? throw new InvalidOperationException("Not started.");

        internal TeamGateway Team => _team ?? throw new InvalidOperationException("Not started.");

        public async ValueTask InitializeAsync()
        {
            _open = await GatewayPair.StartAsync(static options => options.Settings = ShippedSettings.With(("ProviderMapping", Rules)));
            _team = await TeamGateway.StartAsync(new TeamGatewayOptions
            {
                Team = """
                    "AllowedModels": [ "openai/*", "mistralai/*" ], "DeniedModels": "denied/*", "ScopeSessions": true,
                    "Budget": { "Usd": 1000, "Period": "Day" }
                    """,
                Limits = $$"""{ "Prices": [ { "Model": "{{HostileRequests.DearModel}}", "Prompt": "1", "Completion": "1" } ] }""",
                Sections = [("ProviderMapping", Rules)],
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
        }
    }
}
