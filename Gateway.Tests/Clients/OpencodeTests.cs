using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.Clients;

/// <summary>
/// opencode, of npm's <c>opencode-linux-x64-baseline</c>, with the base URL <c>http://gateway/v1</c>: an agent that decides by the kind of
/// an error whether it repeats the call. It starts slowly and pauses for two seconds, which no setting of its own changes, so there is one
/// prompt.
/// </summary>
public sealed class OpencodeTests
{
    [Fact]
    public async Task BrokenStream_IsTriedAgainAsWithoutAGateway()
    {
        var missing = await AgentPrograms.EnsureAsync();
        Assert.SkipWhen(missing is not null, missing ?? "");
        var pair = await AgentPair.RunAsync(
            """
            {
              "steps": [
                { "requests": [1, 1], "script": ["x-fake-events: 9", "x-fake-cut-after: 5"] },
                { "requests": [2], "script": ["x-fake-events: 5"] }
              ]
            }
            """,
            AskAsync);

        pair.AssertRecovered("word word word word word", "/v1/chat/completions streamed", "/v1/chat/completions streamed");
    }

    private static Task<NodeOutput> AskAsync(TempFolder folder, string address)
    {
        folder.Write(
            "opencode.json",
            $$"""
            {
              "autoupdate": false,
              "share": "disabled",
              "snapshot": false,
              "lsp": false,
              "formatter": false,
              "enabled_providers": ["test"],
              "provider": {
                "test": {
                  "npm": "@ai-sdk/openai-compatible",
                  "name": "Test",
                  "options": { "baseURL": "{{address}}/v1", "apiKey": "sk-or-v1-test" },
                  "models": { "anthropic/claude-3-opus": {} }
                }
              }
            }
            """);
        var environment = AgentPair.Environment(folder);
        environment["OPENCODE_DISABLE_AUTOUPDATE"] = "1";
        environment["OPENCODE_DISABLE_DEFAULT_PLUGINS"] = "1";
        environment["OPENCODE_DISABLE_LSP_DOWNLOAD"] = "1";
        environment["OPENCODE_DISABLE_MODELS_FETCH"] = "1";

        // Without a title it asks the model for one.
        return NodeToolchain.RunProgramAsync(
            AgentPrograms.Opencode, folder.Path, environment, "run", "--model", "test/anthropic/claude-3-opus", "--title", "Test", "Hello");
    }
}
