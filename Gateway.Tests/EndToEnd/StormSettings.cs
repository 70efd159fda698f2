using System.Security.Cryptography;
using System.Text;
using FakeOpenRouter;
using Gateway.Tests.Support;

namespace Gateway.Tests.EndToEnd;

/// <summary>Two teams whose limits and budgets never refuse, and their workers' keys.</summary>
internal static class StormSettings
{
    private static readonly string[] Teams = ["red", "blue"];

    /// <summary>A key for each of eight workers, four of each team.</summary>
    public static IReadOnlyList<StormKey> Keys { get; } =
    [
        .. Enumerable.Range(0, 8).Select(i => new StormKey(Teams[i % 2], $"worker{i}", $"ogw-storm-{i}-0123456789abcdef0123456789abcdef")),
    ];

    /// <summary>The variables that the settings refer to: the teams' OpenRouter keys.</summary>
    public static IReadOnlyDictionary<string, string> Environment { get; } = Teams.ToDictionary(VariableOf, OpenRouterKeyOf);

    /// <summary>The teams by the mark of their OpenRouter key, as <see cref="StormAudit"/> takes them.</summary>
    public static IReadOnlyDictionary<string, string> TeamsByKey { get; } = Teams.ToDictionary(
        team => BillingBook.MarkOf(OpenRouterKeyOf(team)));

    /// <summary>The section that makes the gateway speak HTTP/2 with an upstream without TLS.</summary>
    public static (string Name, string Json) Http2
    {
        get
        {
            var proxy = ShippedSettings.Parse()["ReverseProxy"]!;
            proxy["Clusters"]!["openrouter"]!["HttpRequest"]!["Version"] = "2";
            proxy["Clusters"]!["openrouter"]!["HttpRequest"]!["VersionPolicy"] = "RequestVersionExact";
            return ("ReverseProxy", proxy.ToJsonString());
        }
    }

    /// <summary>The shipped settings with the teams and these sections.</summary>
    public static string With(params (string Name, string Json)[] sections)
    {
        return ShippedSettings.With([("Teams", TeamsJson()), .. sections]);
    }

    private static string TeamsJson()
    {
        return $"[{string.Join(',', Teams.Select(team => $$"""
            {
              "Id": "{{team}}",
              "Keys": [{{string.Join(',', Keys.Where(key => key.Team == team).Select(KeyJson))}}],
              "OpenRouterKey": "env:{{VariableOf(team)}}",
              "Limits": { "RequestsPerMinute": 1000000, "TokensPerMinute": 1000000000, "ConcurrentRequests": 10000 },
              "Budget": { "Usd": 1000000, "Period": "Month" }
            }
            """))}]";
    }

    private static string KeyJson(StormKey key)
    {
        var hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(key.Key)));
        return $$"""{ "Label": "{{key.Label}}", "Sha256": "{{hash}}" }""";
    }

    private static string VariableOf(string team) => $"STORM_KEY_{team.ToUpperInvariant()}";

    private static string OpenRouterKeyOf(string team) => $"sk-or-v1-storm-{team}";
}
