using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;

namespace HopBenchmark;

/// <summary>The settings of the measured gateway: the shipped file, with rules and teams of this benchmark.</summary>
internal static class GatewaySettings
{
    // Typical patterns: of twenty names twelve are exact, six end in a star, one begins with it, one has stars at both ends.
    private static readonly string[] Shapes =
    [
        .. Enumerable.Repeat("vendor-{0}/model-{0}", 12), .. Enumerable.Repeat("vendor-{0}/*", 6), "*/model-{0}:free", "*coder-{0}*",
    ];

    /// <summary>Creates the rules. Only the last one matches the bodies of this benchmark.</summary>
    /// <param name="count">The number of rules, at least ten.</param>
    /// <param name="version">A number in all but the first nine rules, to make versions differ.</param>
    public static JsonArray Rules(int count, int version = 0)
    {
        var rules = JsonNode.Parse(
            """
            [
              { "Model": "*anthropic/claude*", "Provider": { "order": [ "Anthropic", "Google" ] } },
              { "Model": "google/gemini-2.5-pro", "Provider": { "order": [ "Google" ] } },
              { "Model": "google/*", "Provider": { "order": [ "Google AI Studio" ] } },
              { "Model": [ "mistralai/*", "*/magistral*" ], "Provider": { "only": [ "mistral" ] } },
              { "Model": "*:free", "Provider": { "data_collection": "deny" } },
              { "Model": "meta-llama/*", "Provider": { "order": [ "DeepInfra", "Together" ] } },
              { "Model": "deepseek/*", "Provider": { "ignore": [ "deepseek" ] } },
              { "Model": "qwen/*coder*", "Provider": { "sort": "throughput" } },
              { "Model": "x-ai/*", "Provider": { "order": [ "xAI" ] } }
            ]
            """)!.AsArray();
        for (var i = rules.Count; i < count - 1; i++)
        {
            rules.Add(Rule($"rule-{Text(i)}-{Text(version)}", Shapes[i % Shapes.Length].Replace("{0}", Text(i), StringComparison.Ordinal)));
        }

        rules.Add(Rule(LastRule(version), "openai/*"));
        return rules;
    }

    /// <summary>The name of the rule that matches.</summary>
    public static string LastRule(int version = 0) => $"last-{Text(version)}";

    /// <summary>Creates teams, each with keys, limits and a budget that never refuse.</summary>
    /// <param name="shape">The number of teams and keys.</param>
    /// <param name="openRouterKey">A file with the OpenRouter key.</param>
    /// <param name="version">A number in all teams, to make versions differ.</param>
    public static JsonArray Teams(GatewayShape shape, string openRouterKey, int version = 0) => new(
        [.. shape.Keys.Chunk(shape.KeysPerTeam).Select((keys, i) => Team(keys, i, openRouterKey, tokensPerMinute: 1_000_000_000 + version))]);

    private static JsonNode Team(string[] keys, int number, string openRouterKey, int tokensPerMinute)
    {
        var hashes = keys.Select((key, i) =>
            $$"""{ "Label": "bench-{{i}}", "Sha256": "{{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(key)))}}" }""");
        return JsonNode.Parse(
            $$"""
            {
              "Id": "team-{{number}}",
              "Keys": [ {{string.Join(", ", hashes)}} ],
              "OpenRouterKey": "file:{{openRouterKey}}",
              "Limits": { "RequestsPerMinute": 1000000000, "TokensPerMinute": {{tokensPerMinute}}, "ConcurrentRequests": 1000000 },
              "Budget": { "Usd": 1000000, "Period": "Month" }
            }
            """)!;
    }

    private static JsonObject Rule(string name, string model) => new()
    {
        ["Name"] = name,
        ["Model"] = model,
        ["Provider"] = new JsonObject { ["order"] = new JsonArray("Azure", "OpenAI") },
    };

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
}
