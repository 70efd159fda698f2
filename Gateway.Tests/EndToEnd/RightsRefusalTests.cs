using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.EndToEnd;

/// <summary>Promise: a request that is not allowed is told the model or the tool, and the setting or the rule that closes it (D3).</summary>
public sealed class RightsRefusalTests : IClassFixture<RightsRefusalTests.Fixture>
{
    private readonly TeamGateway _team;

    public RightsRefusalTests(Fixture fixture)
    {
        _team = fixture.Team;
    }

    [Theory]
    [InlineData("\"model\":\"denied/x\"", "The team may not use the model 'denied/x'. The settings AllowedModels and DeniedModels of the team 'search' decide.")]
    [InlineData("\"tools\":[{\"type\":\"openrouter:files\"}]", "The team may not use the server tool 'openrouter:files'. The setting ServerTools of the team 'search' opens it.")]
    [InlineData("\"model\":\"ruled/x\",\"provider\":{\"only\":[\"openai\"]}", "'eu'")]
    public async Task Refusal_NamesWhatAndWhy(string members, string message)
    {
        var chat = await _team.ChatAsync(members);
        var messages = await _team.PostAsync("/v1/messages", TeamGateway.Body(members));

        chat.IsRefused(403);
        messages.IsRefusedInMessagesDialect(403);
        Assert.All(
            [chat, messages],
            call => Assert.Contains(message, call.Json.GetProperty("error").GetProperty("message").GetString(), StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("""{"model":null}""")]
    [InlineData("""{"models":[]}""")]
    [InlineData("""{"model":"","messages":[]}""")]
    [InlineData("""{"model":"openai/gpt-4o-mini","model":null}""")]
    public async Task RequestWithoutAModel_MayGetADeniedOne(string body)
    {
        var call = await _team.PostAsync("/v1/chat/completions", body);

        call.IsRefused(403);
        var error = call.Json.GetProperty("error");
        Assert.Equal("model_not_allowed", error.GetProperty("code").GetString());
        Assert.Contains("a request that names no model", error.GetProperty("message").GetString(), StringComparison.Ordinal);
        Assert.Null(call.Upstream);
    }

    public sealed class Fixture : IAsyncLifetime
    {
        internal TeamGateway Team { get; private set; } = null!;

        public async ValueTask InitializeAsync() => Team = await TeamGateway.StartAsync(new TeamGatewayOptions
        {
            Team = """ "DeniedModels": ["denied/*"] """,
            Sections =
            [
                ("ProviderMapping", """
                    { "Rules": [ { "Name": "eu", "Model": "ruled/*", "WhenClientSetsProvider": "Enforce", "Provider": { "only": ["mistral"] } } ] }
                    """),
            ],
        });

        public ValueTask DisposeAsync() => Team.DisposeAsync();
    }
}
