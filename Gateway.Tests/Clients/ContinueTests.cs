using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.Clients;

/// <summary>
/// npm's <c>@continuedev/cli</c> with the base URL <c>http://gateway/v1</c>: an agent that decides by the text of an error whether it
/// repeats the call. It starts slowly, so each test is one prompt.
/// </summary>
public sealed class ContinueTests
{
    private const string Try = "/v1/chat/completions streamed";

    // It prints the text of the stream that broke off as well.
    [Fact]
    public async Task FailuresThatMayPass_AreTriedAgainAsWithoutAGateway()
    {
        var pair = await RunAsync(
            """
            {
              "steps": [
                { "requests": [1, 1], "fault": "overloaded" },
                { "requests": [2, 2], "script": ["x-fake-cut-after: 2"] },
                { "requests": [3, 3], "script": ["x-fake-events: 9", "x-fake-cut-after: 5"] },
                { "requests": [4], "script": ["x-fake-events: 5"] }
              ]
            }
            """);

        pair.AssertRecovered(pair.Direct.Text, Try, Try, Try, Try);
        Assert.EndsWith("word word word word word", pair.Direct.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ErrorEventOfUpstream_IsNoAnswer()
    {
        var pair = await RunAsync("""{ "steps": [ { "script": ["x-fake-events: 5", "x-fake-error-after: 2"] } ] }""");

        Assert.Equal((1, Try), (pair.Direct.ExitCode, pair.Direct.Tries));
        Assert.Contains("Provider disconnected", pair.Direct.Text, StringComparison.Ordinal);
        Assert.Equal(pair.Direct, pair.Gateway);
    }

    // The gateway gives the error its own status.
    [Fact]
    public async Task ErrorWithStatus200_IsTriedAgainThroughTheGatewayOnly()
    {
        var pair = await RunAsync(
            """{ "steps": [ { "requests": [1, 1], "fault": "error-in-200" }, { "script": ["x-fake-events: 5"] } ] }""");

        Assert.Equal((1, Try), (pair.Direct.ExitCode, pair.Direct.Tries));
        Assert.Equal(new AgentRun(0, "word word word word word", $"{Try}, {Try}"), pair.Gateway);
    }

    private static async Task<AgentPair> RunAsync(string scenario)
    {
        var missing = await NodeToolchain.EnsureAsync();
        Assert.SkipWhen(missing is not null, missing ?? "");
        return await AgentPair.RunAsync(scenario, AskAsync);
    }

    private static Task<NodeOutput> AskAsync(TempFolder folder, string address)
    {
        var settings = folder.Write(
            "config.yaml",
            $"""
            name: Test
            version: 1.0.0
            schema: v1
            models:
              - name: test
                model: anthropic/claude-3-opus
                provider: openai
                apiKey: sk-or-v1-test
                apiBase: {address}/v1
                roles: [chat]
            """);
        var environment = AgentPair.Environment(folder);
        environment["CONTINUE_GLOBAL_DIR"] = folder.File(".continue");
        environment["CONTINUE_CLI_ENABLE_TELEMETRY"] = "0";
        environment["FORCE_NO_TTY"] = "true";
        var program = NodeToolchain.PackageFile("@continuedev", "cli", "dist", "cn.js");
        return NodeToolchain.RunAsync(folder.Path, environment, program, "-p", "Hello", "--config", settings);
    }
}
