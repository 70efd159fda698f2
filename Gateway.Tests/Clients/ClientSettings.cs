using System.Text.Json.Nodes;
using Gateway.Tests.Support;

namespace Gateway.Tests.Clients;

/// <summary>The settings that all clients are tested under.</summary>
internal static class ClientSettings
{
    /// <summary>The body limit, in bytes.</summary>
    public const int MaxRequestBodySize = 200_000;

    /// <summary>
    /// The shipped file with a rule for Claude models that a client's own <c>provider</c> overrides, one for OpenAI's that it cannot, and
    /// a body limit that is easily passed.
    /// </summary>
    public static string Text { get; } = Build();

    private static string Build()
    {
        var settings = ShippedSettings.Parse();
        settings["Server"]!["MaxRequestBodySize"] = MaxRequestBodySize;
        settings["ProviderMapping"] = JsonNode.Parse(
            """
            {
              "Rules": [
                { "Name": "claude", "Model": "*anthropic/claude*", "Provider": { "order": [ "Anthropic", "Google" ] } },
                { "Name": "azure-only", "Model": "openai/*", "WhenClientSetsProvider": "Enforce", "Provider": { "only": [ "azure" ] } }
              ]
            }
            """);
        return settings.ToJsonString();
    }
}
