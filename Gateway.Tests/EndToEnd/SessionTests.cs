using System.Text;
using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.EndToEnd;

/// <summary>Promise: with <c>ScopeSessions</c> no session id goes upstream as another team of the same account could send it.</summary>
public sealed class SessionTests(SessionTests.Fixture fixture) : IClassFixture<SessionTests.Fixture>
{
    private const string Session = "x-session-id";

    private readonly GatewayPair _pair = fixture.Pair;

    [Theory]
    [InlineData("POST", "/v1/audio/speech")]
    [InlineData("POST", "/v1/audio/transcriptions")]
    [InlineData("POST", "/v1/videos")]
    [InlineData("POST", "/v1/messages/count_tokens")]
    [InlineData("GET", "/v1/models")]
    public async Task UnreadRequest_HasTheSessionOfAReadOne(string method, string path)
    {
        foreach (var team in (string[])["one", "two"])
        {
            var read = await SessionOfAsync("POST", "/v1/chat/completions", team, $"{Session}: S");

            Assert.StartsWith(team + "-", read, StringComparison.Ordinal);
            Assert.Equal(read, await SessionOfAsync(method, path, team, $"{Session}: S"));
        }

        Assert.Equal("S", await SessionOfAsync(method, path, "plain", $"{Session}: S"));
    }

    [Fact]
    public async Task UnreadRequestWithoutASession_GetsNone()
    {
        Assert.Null(await SessionOfAsync("POST", "/v1/audio/speech", "one"));
        Assert.Equal("", await SessionOfAsync("POST", "/v1/audio/speech", "one", $"{Session}:") ?? "");
    }

    [Fact]
    public async Task SessionOfTheBody_GoesBeforeTheHeaders()
    {
        const string Body = """{"model":"m","session_id":"B"}""";

        Assert.Equal(
            await SessionOfAsync("POST", "/v1/chat/completions", "one", body: Body),
            await SessionOfAsync("POST", "/v1/chat/completions", "one", $"{Session}: S", Body));
    }

    private async Task<string?> SessionOfAsync(string method, string path, string team, string? line = null, string body = """{"model":"m"}""")
    {
        string[] lines = line is null ? [$"x-api-key: ogw-{team}"] : [$"x-api-key: ogw-{team}", line];
        var call = await _pair.SendAsync(method, path, lines, method == "GET" ? null : Encoding.UTF8.GetBytes(body));

        Assert.Equal(200, call.Status);
        var sent = call.Forwarded.HeaderValues(Session).ToArray();
        return sent.Length == 0 ? null : Assert.Single(sent);
    }

    public sealed class Fixture : GatewayFixture
    {
        private protected override void Configure(GatewayHostOptions options)
        {
            options.Environment["TEAM_KEY"] = TeamSetup.UpstreamKey;
            options.Settings = TeamSetup.Settings(
                TeamSetup.Team("\"ScopeSessions\": true", "one", "ogw-one", reference: "env:TEAM_KEY"),
                TeamSetup.Team("\"ScopeSessions\": true", "two", "ogw-two", reference: "env:TEAM_KEY"),
                TeamSetup.Team("", "plain", "ogw-plain", reference: "env:TEAM_KEY"));
        }
    }
}
