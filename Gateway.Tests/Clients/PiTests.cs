using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.Clients;

/// <summary>
/// npm's <c>@earendil-works/pi-coding-agent</c> with the base URL <c>http://gateway/v1</c>: an agent that decides by the text of an error
/// whether it repeats the call. Its own pause before a further try, two seconds, is set to ten milliseconds.
/// </summary>
public sealed class PiTests
{
    // Two streams break between two events.
    private const string Broken =
        """
        {
          "steps": [
            { "requests": [1, 1], "script": ["x-fake-events: 9", "x-fake-cut-after: 5"] },
            { "requests": [2, 2], "script": ["x-fake-events: 9", "x-fake-cut-after: 1"] },
            { "requests": [3], "script": ["x-fake-events: 5"] }
          ]
        }
        """;

    [Theory]
    [InlineData("openai-completions", "/v1/chat/completions", "word word word word word")]
    [InlineData("openai-responses", "/v1/responses", "All of the text.")]
    [InlineData("anthropic-messages", "/v1/messages", "word word word word word")]
    public async Task BrokenStream_IsTriedAgainAsWithoutAGateway(string api, string path, string text)
    {
        var pair = await RunAsync(Broken, api);

        pair.AssertRecovered(text, path + " streamed", path + " streamed", path + " streamed");
    }

    [Fact]
    public async Task ErrorEventOfUpstream_EndsItAsWithoutAGateway()
    {
        var pair = await RunAsync(
            """{ "steps": [ { "script": ["x-fake-events: 5", "x-fake-error-after: 2"] } ] }""", "openai-completions");

        Assert.Equal(new AgentRun(1, "Provider disconnected", "/v1/chat/completions streamed"), pair.Direct);
        Assert.Equal(pair.Direct, pair.Gateway);
    }

    // The last event without its blank line, and no end of the framing.
    [Fact]
    public async Task StreamThatEndsWithItsConnection_IsAnAnswer()
    {
        var missing = await AgentPrograms.EnsureAsync();
        Assert.SkipWhen(missing is not null, missing ?? "");
        var requests = 0;
        await using var upstream = ScriptedSocketUpstream.Start(async connection =>
        {
            await connection.ReadRequestAsync();
            Interlocked.Increment(ref requests);
            await connection.SendAsync(
                """
                HTTP/1.1 200 OK
                Content-Type: text/event-stream
                Connection: close

                data: {"id":"gen-1","object":"chat.completion.chunk","model":"m","choices":[{"index":0,"delta":{"content":"word"},"finish_reason":"stop"}]}

                data: [DONE]

                """.ReplaceLineEndings("\n").Replace("\n", "\r\n", StringComparison.Ordinal));
        });
        await using var gateway = await GatewayHost.StartAsync(options => options.Upstream = upstream.BaseUrl);

        using var folder = new TempFolder();
        var output = await AskAsync(folder, gateway.Address.GetLeftPart(UriPartial.Authority), "openai-completions");

        Assert.Equal((0, "word", 1), (output.ExitCode, output.Out.Trim(), requests));
    }

    private static async Task<AgentPair> RunAsync(string scenario, string api)
    {
        var missing = await AgentPrograms.EnsureAsync();
        Assert.SkipWhen(missing is not null, missing ?? "");
        return await AgentPair.RunAsync(scenario, (folder, address) => AskAsync(folder, address, api));
    }

    private static Task<NodeOutput> AskAsync(TempFolder folder, string address, string api)
    {
        // In the dialect of messages it adds /v1 by itself.
        var baseUrl = api == "anthropic-messages" ? address : address + "/v1";
        folder.Write(
            ".pi/agent/models.json",
            $$"""
            {
              "providers": {
                "test": {
                  "baseUrl": "{{baseUrl}}", "api": "{{api}}", "apiKey": "sk-or-v1-test", "models": [ { "id": "anthropic/claude-3-opus" } ]
                }
              }
            }
            """);
        folder.Write(".pi/agent/settings.json", """{ "retry": { "baseDelayMs": 10 } }""");
        var environment = AgentPair.Environment(folder);
        environment["PI_OFFLINE"] = "1";
        environment["PI_TELEMETRY"] = "0";
        return NodeToolchain.RunProgramAsync(
            AgentPrograms.Node,
            folder.Path,
            environment,
            NodeToolchain.PackageFile("@earendil-works", "pi-coding-agent", "dist", "bundle", "cli.js"),
            "-p",
            "--no-session",
            "--model",
            "test/anthropic/claude-3-opus",
            "Hello");
    }
}
