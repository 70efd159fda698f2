using System.Text.Json.Nodes;
using Gateway.Teams;

namespace Gateway.Tests.Support;

/// <summary>The shipped settings with teams, for tests that call as one.</summary>
internal static class TeamSetup
{
    /// <summary>The key that team <c>search</c> calls with.</summary>
    public const string Key = "ogw-test-key-of-search";

    /// <summary>The key that calls of team <c>search</c> go upstream with.</summary>
    public const string UpstreamKey = "sk-or-v1-upstream-key-of-search";

    /// <summary>The header that a client of team <c>search</c> sends.</summary>
    public const string Bearer = "Authorization: Bearer " + Key;

    /// <summary>A team as JSON; its OpenRouter key is where <paramref name="reference"/> leads.</summary>
    /// <param name="more">More of its members.</param>
    /// <param name="id">Its id.</param>
    /// <param name="key">The key that its clients call with.</param>
    /// <param name="keyMore">More members of that key, behind a comma.</param>
    /// <param name="reference">The reference to its OpenRouter key.</param>
    public static string Team(
        string more = "", string id = "search", string key = Key, string keyMore = "", string reference = "file:search.key")
    {
        var hash = Convert.ToHexStringLower(GatewayKeys.Hash(key));
        return $$"""
            { "Id": "{{id}}", "OpenRouterKey": "{{reference}}", "Keys": [ { "Sha256": "{{hash}}"{{keyMore}} } ]
              {{(more.Length == 0 ? "" : ", " + more)}} }
            """;
    }

    /// <summary>The shipped settings with these teams.</summary>
    public static string Settings(params string[] teams) => ShippedSettings.With(("Teams", $"[ {string.Join(", ", teams)} ]"));

    /// <summary>The same, with more routes.</summary>
    public static string WithRoutes(string settings, params (string Name, string Json)[] routes)
    {
        var tree = JsonNode.Parse(settings)!;
        foreach (var (name, json) in routes)
        {
            tree["ReverseProxy"]!["Routes"]![name] = JsonNode.Parse(json);
        }

        return tree.ToJsonString();
    }
}
