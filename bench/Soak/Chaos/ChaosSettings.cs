using System.Text.Json.Nodes;

namespace Soak.Chaos;

/// <summary>The gateway's settings for a chaos run: short time limits, and two clusters, one for each version of HTTP.</summary>
internal static class ChaosSettings
{
    /// <summary>The prefix of the routes to the cluster with HTTP/1.1.</summary>
    public const string Http1Prefix = "/v1";

    /// <summary>The prefix of the routes to the cluster with HTTP/2.</summary>
    public const string Http2Prefix = "/api/v1";

    /// <summary>The limit of the time to the first data event, and between two.</summary>
    public static readonly TimeSpan EventTimeout = TimeSpan.FromSeconds(3);

    /// <summary>The limit of a whole response.</summary>
    public static readonly TimeSpan TotalTimeout = TimeSpan.FromSeconds(15);

    /// <summary>Changes the soak's settings.</summary>
    public static void Complete(JsonNode settings, IReadOnlyList<Upstream> http1, IReadOnlyList<Upstream> http2)
    {
        settings["Upstream"] = new JsonObject
        {
            ["ConnectTimeout"] = "00:00:01",
            ["FirstEventTimeout"] = EventTimeout.ToString(),
            ["EventTimeout"] = EventTimeout.ToString(),
            ["TotalTimeout"] = TotalTimeout.ToString(),
        };
        var proxy = settings["ReverseProxy"]!;
        foreach (var (_, route) in proxy["Routes"]!.AsObject())
        {
            if (route!["Match"]!["Path"]!.GetValue<string>().StartsWith(Http2Prefix + "/", StringComparison.Ordinal))
            {
                route["ClusterId"] = "openrouter-http2";
            }
        }

        proxy["Clusters"] = new JsonObject
        {
            ["openrouter"] = Cluster(http1, "1.1"),
            ["openrouter-http2"] = Cluster(http2, "2"),
        };
    }

    private static JsonObject Cluster(IReadOnlyList<Upstream> upstreams, string version) => new()
    {
        ["Destinations"] = new JsonObject(
            upstreams.Select(upstream => KeyValuePair.Create<string, JsonNode?>(
                upstream.Name, new JsonObject { ["Address"] = upstream.Address }))),
        ["HttpRequest"] = new JsonObject
        {
            ["ActivityTimeout"] = "00:30:00",
            ["Version"] = version,
            ["VersionPolicy"] = "RequestVersionExact",
        },
    };
}
