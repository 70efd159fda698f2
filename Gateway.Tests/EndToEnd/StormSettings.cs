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

    /// <summary>The shipped settings with the teams, whose OpenRouter keys it writes into the gateway's folder, and these sections.</summary>
    public static string In(TempFolder folder, params (string Name, string Json)[] sections) =>
        ShippedSettings.With([("Teams", $"[{string.Join(',', Teams.Select(team => TeamJson(folder, team)))}]"), .. sections]);

    /// <summary>The section for a ledger among the gateway's files, with more members of it behind a comma.</summary>
    public static (string Name, string Json) Ledger(TempFolder folder, string more = "") => (
        "Usage",
        $$"""
        { "Store": "Sqlite", "Sqlite": { "Path": "{{LedgerPath(folder)}}" }, "PricesPath": "{{folder.File("prices.json")}}" {{more}} }
        """);

    /// <summary>The path of that ledger.</summary>
    public static string LedgerPath(TempFolder folder) => folder.File("usage.db");

    private static string TeamJson(TempFolder folder, string team) => $$"""
        {
          "Id": "{{team}}",
          "Keys": [{{string.Join(',', Keys.Where(key => key.Team == team).Select(KeyJson))}}],
          "OpenRouterKey": "file:{{folder.Write(team + ".key", OpenRouterKeyOf(team))}}",
          "Limits": { "RequestsPerMinute": 1000000, "TokensPerMinute": 1000000000, "ConcurrentRequests": 10000 },
          "Budget": { "Usd": 1000000, "Period": "Month" }
        }
        """;

    private static string KeyJson(StormKey key)
    {
        var hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(key.Key)));
        return $$"""{ "Label": "{{key.Label}}", "Sha256": "{{hash}}" }""";
    }

    private static string OpenRouterKeyOf(string team) => $"sk-or-v1-storm-{team}";
}
