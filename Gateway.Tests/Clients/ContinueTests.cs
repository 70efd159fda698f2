using System.Text;
using FakeOpenRouter;
using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.Clients;

/// <summary>
/// npm's <c>@continuedev/cli</c> with the base URL <c>http://gateway/v1</c>: an agent that decides by the text of an error whether it
/// repeats the call. It starts slowly, so each test is one prompt.
/// </summary>
public sealed class ContinueTests
{
    // Without a gateway the agent gives up at the error with status 200, and repeats the call after the others. It prints the text of the
    // stream that broke off as well, with and without a gateway.
    [Fact]
    public async Task FailuresThatMayPass_AreTriedAgainUntilTheAnswer()
    {
        await using var pair = await StartAsync(
            """
            {
              "steps": [
                { "requests": [1, 1], "fault": "overloaded" },
                { "requests": [2, 2], "fault": "error-in-200" },
                { "requests": [3, 3], "script": ["x-fake-cut-after: 2"] },
                { "requests": [4], "script": ["x-fake-events: 5"] }
              ]
            }
            """);

        var output = await AskAsync(pair);

        Assert.Equal((0, "word word word word word word word"), (output.ExitCode, output.Out.Trim()));
        Assert.Equal(4, pair.Upstream.Requests.All.Count(request => request.Method == "POST"));
    }

    [Fact]
    public async Task ErrorEventOfUpstream_IsNoAnswer()
    {
        await using var pair = await StartAsync("""{ "steps": [ { "script": ["x-fake-events: 5", "x-fake-error-after: 2"] } ] }""");

        var output = await AskAsync(pair);

        Assert.Equal((1, ""), (output.ExitCode, output.Out));
        Assert.Contains("Provider disconnected", output.Error, StringComparison.Ordinal);
    }

    private static async Task<GatewayPair> StartAsync(string scenario)
    {
        var missing = await NodeToolchain.EnsureAsync();
        Assert.SkipWhen(missing is not null, missing ?? "");
        var pair = await GatewayPair.StartAsync();
        await pair.Upstream.PlayAsync(Scenario.Parse(Encoding.UTF8.GetBytes(scenario)));
        return pair;
    }

    private static async Task<NodeOutput> AskAsync(GatewayPair pair)
    {
        using var folder = new TempFolder();
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
                apiBase: {new Uri(pair.Gateway.Address, "/v1")}
                roles: [chat]
            """);
        var environment = new Dictionary<string, string>
        {
            ["HOME"] = folder.Path,
            ["CONTINUE_GLOBAL_DIR"] = folder.File(".continue"),
            ["CONTINUE_CLI_ENABLE_TELEMETRY"] = "0",
            ["FORCE_NO_TTY"] = "true",
        };
        var program = Path.Combine(NodeToolchain.Folder, "node_modules", "@continuedev", "cli", "dist", "cn.js");
        return await NodeToolchain.RunAsync(folder.Path, environment, program, "-p", "Hello", "--config", settings);
    }
}
