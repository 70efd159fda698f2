using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.EndToEnd;

/// <summary>
/// Promise: a team with model rights, and a client under an enforced rule, cannot name a model in a way that upstream may read
/// differently. Every other request passes as it came.
/// </summary>
public sealed class ModelNameTests : IClassFixture<ModelNameTests.Fixture>
{
    private readonly Fixture _fixture;

    public ModelNameTests(Fixture fixture)
    {
        _fixture = fixture;
    }

    [Theory]
    [InlineData("""{"model":["bad/m"]}""", "model")]
    [InlineData("""{"model":7,"model":"good/m"}""", "model")]
    [InlineData("""{"model":"good/m","models":{"0":"bad/m"}}""", "models")]
    [InlineData("""{"model":"good/m","models":["good/m",["bad/m"]]}""", "models")]
    [InlineData("""{"model":"good/m","models":[null]}""", "models")]
    [InlineData("""{"model":"good/m","fallbacks":[{"model":["bad/m"]}]}""", "fallbacks")]
    [InlineData("""{"model":"good/m","fallbacks":"bad/m"}""", "fallbacks")]
    [InlineData("{\"model\":\"bad/m\uFEFF\"}", "model")]
    [InlineData("{\"model\":\"good/m\",\"models\":[\"bad/m\u00A0\"]}", "model")]
    [InlineData("{\"model\":\"\uFF42\uFF41\uFF44/m\"}", "model")]
    [InlineData("{\"model\":\"good/m\",\"preset\":\"bad\u200B\"}", "preset")]
    public async Task NameThatCannotBeJudged_Is400InTheDialectOfTheRoute(string body, string param)
    {
        foreach (var path in (string[])["/v1/chat/completions", "/v1/responses", "/v1/messages"])
        {
            Exchange[] refusals =
            [
                await PostAsync("allowing", path, body), await PostAsync("denying", path, body), await _fixture.Ruled.PostAsync(path, body),
            ];
            foreach (var refusal in refusals)
            {
                Assert.Null(refusal.Upstream);
                if (path == "/v1/messages")
                {
                    refusal.IsRefusedInMessagesDialect(400);
                    continue;
                }

                refusal.IsRefused(400);
                var error = refusal.Json.GetProperty("error");
                Assert.Equal(("invalid_model", param), (error.GetProperty("code").GetString(), error.GetProperty("param").GetString()));
            }

            var passed = await PostAsync("free", path, body);
            Assert.Equal(200, passed.Status);
            Assert.Equal(body, System.Text.Encoding.UTF8.GetString(passed.Forwarded.Body!));
        }
    }

    // Upstream would choose a model by itself.
    [Theory]
    [InlineData("""{"model":"good/m","model":null}""")]
    [InlineData("""{"model":null,"models":[]}""")]
    [InlineData("""{"fallbacks":[{"model":"good/m"}]}""")]
    [InlineData("""{"preset":"ok","preset":null}""")]
    [InlineData("""{"preset":"ok","preset":null,"fallbacks":[{"model":"good/m"}]}""")]
    public async Task RequestWithoutAModel_NeedsTheRightToAnyModel(string body)
    {
        foreach (var team in (string[])["allowing", "denying"])
        {
            var refused = await PostAsync(team, "/v1/chat/completions", body);
            refused.IsRefused(403);
            Assert.Null(refused.Upstream);
        }

        Assert.Equal(200, (await PostAsync("free", "/v1/chat/completions", body)).Status);
    }

    [Fact]
    public async Task NameOfThousandsOfPresets_IsRefused()
    {
        var name = string.Concat(Enumerable.Repeat("@preset/a", 50));
        var body = $$"""{"model":"good/m","models":[{{string.Join(',', Enumerable.Repeat($"\"{name}\"", 1000))}}]}""";

        foreach (var team in (string[])["allowing", "denying"])
        {
            var refused = await PostAsync(team, "/v1/chat/completions", body);
            refused.IsRefused(403);
            Assert.Null(refused.Upstream);
        }
    }

    private Task<Exchange> PostAsync(string team, string path, string body) =>
        _fixture.Teams.PostAsync(path, body, "x-api-key: ogw-" + team);

    public sealed class Fixture : IAsyncLifetime
    {
        private static readonly (string Id, string More)[] Members =
        [
            ("allowing", "\"AllowedModels\": [\"good/*\", \"@preset/*\"]"), ("denying", "\"DeniedModels\": [\"bad/*\", \"@preset/bad\"]"), ("free", ""),
        ];

        private TeamGateway? _teams;
        private GatewayPair? _ruled;

        internal TeamGateway Teams => _teams!;

        internal GatewayPair Ruled => _ruled!;

        public async ValueTask InitializeAsync()
        {
            _teams = await TeamGateway.StartAsync(new TeamGatewayOptions
            {
                MoreTeams = reference => Members.Select(team => TeamSetup.Team(team.More, team.Id, "ogw-" + team.Id, reference: reference)),
            });
            _ruled = await GatewayPair.StartAsync(options => options.Rules(
                """[{ "Name": "r", "Model": "bad/*", "WhenClientSetsProvider": "Enforce", "Provider": { "require_parameters": true } }]"""));
        }

        public async ValueTask DisposeAsync()
        {
            if (_teams is not null)
            {
                await _teams.DisposeAsync();
            }

            if (_ruled is not null)
            {
                await _ruled.DisposeAsync();
            }
        }
    }
}
