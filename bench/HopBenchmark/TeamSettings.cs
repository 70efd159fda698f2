using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;

namespace HopBenchmark;

/// <summary>Two hundred teams, each with a key, limits and a budget that never refuse.</summary>
internal static class TeamSettings
{
    private const int Teams = 200;

    /// <summary>The teams' keys.</summary>
    public static IReadOnlyList<string> Keys { get; } =
        [.. Enumerable.Range(0, Teams).Select(i => "ogw-bench-" + i.ToString("D3", CultureInfo.InvariantCulture) + new string('0', 32))];

    /// <summary>Adds the teams and a ledger in a folder of its own.</summary>
    public static void AddTo(JsonNode settings, string folder)
    {
        var openRouterKey = Path.Combine(folder, "openrouter-key");
        File.WriteAllText(openRouterKey, "sk-or-v1-bench");
        settings["Teams"] = new JsonArray([.. Keys.Select((key, i) => Team(key, i, openRouterKey))]);
        settings["Usage"] = new JsonObject
        {
            ["Sqlite"] = new JsonObject { ["Path"] = Path.Combine(folder, "usage.db") },
            ["PricesPath"] = Path.Combine(folder, "prices.json"),
        };
    }

    private static JsonNode Team(string key, int number, string openRouterKey)
    {
        var hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(key)));
        return JsonNode.Parse(
            $$"""
            {
              "Id": "team-{{number}}",
              "Keys": [ { "Label": "bench", "Sha256": "{{hash}}" } ],
              "OpenRouterKey": "file:{{openRouterKey}}",
              "Limits": { "RequestsPerMinute": 1000000000, "TokensPerMinute": 1000000000, "ConcurrentRequests": 1000000 },
              "Budget": { "Usd": 1000000, "Period": "Month" }
            }
            """)!;
    }
}
