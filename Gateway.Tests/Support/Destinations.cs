using System.Text.Json.Nodes;

namespace Gateway.Tests.Support;

/// <summary>The shipped section <c>ReverseProxy</c> with other destinations for its cluster.</summary>
internal static class Destinations
{
    /// <summary>Members of a cluster whose destinations speak HTTP/2.</summary>
    public const string OnHttp2 = """, "HttpRequest": { "Version": "2", "VersionPolicy": "RequestVersionExact" } """;

    /// <summary>
    /// Section <c>Upstream</c> for destinations with TLS: both ends of a handshake run in the crowded process of the tests, whose turns may take
    /// longer than the five seconds that a connection has by default.
    /// </summary>
    public static readonly (string Name, string Json) PatientWithHandshakes = ("Upstream", """{ "ConnectTimeout": "00:01:00" }""");

    /// <summary>Destinations of which the first available one is asked first.</summary>
    /// <param name="more">More members of the cluster, behind a comma.</param>
    /// <param name="destinations">Names in the order in which they are asked, and the members of each as JSON.</param>
    public static string Section(string more, params (string Name, string Json)[] destinations)
    {
        var section = ShippedSettings.Parse()["ReverseProxy"]!;
        section["Clusters"]!["openrouter"] = JsonNode.Parse(
            $$"""
            {
              "LoadBalancingPolicy": "FirstAlphabetical",
              "Destinations": { {{string.Join(", ", destinations.Select(one => $"\"{one.Name}\": {one.Json}"))}} } {{more}}
            }
            """);
        return section.ToJsonString();
    }

    /// <summary>The same for plain addresses: <c>a</c>, <c>b</c>…</summary>
    public static string Of(params string[] addresses) => Of(addresses, more: "");

    /// <summary>The same with more members of the cluster, behind a comma.</summary>
    public static string Of(string[] addresses, string more) => Section(
        more, [.. addresses.Select((address, i) => (((char)('a' + i)).ToString(), $$"""{ "Address": "{{address}}" }"""))]);
}
