using System.Text.Json.Nodes;

namespace Gateway.Tests.Gateway.Configuration.Schema;

/// <summary>A node of the JSON Schema that is part of YARP's package: the source of the descriptions of YARP's settings.</summary>
internal sealed class YarpDescription
{
    private readonly JsonNode? _node;

    private YarpDescription(JsonNode? node) => _node = node;

    /// <summary>Section <c>ReverseProxy</c>.</summary>
    public static YarpDescription Section { get; } = new(
        JsonNode.Parse(File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "Yarp", "ConfigurationSchema.json")))!["properties"]!["ReverseProxy"]);

    /// <summary>The description; <see langword="null"/> if there is none.</summary>
    public string? Text => (string?)_node?["description"];

    /// <summary>The values that YARP names, also where others are possible; empty if there are none.</summary>
    public IReadOnlyList<string> Words =>
        [.. (_node?["anyOf"]?[0]?["enum"] as JsonArray ?? []).Select(static word => (string)word!)];

    /// <summary>The transforms, each with its description.</summary>
    public IEnumerable<(string Name, string Text)> Transforms =>
        from transform in (_node?["anyOf"] as JsonArray ?? []).Skip(1)
        let property = ((JsonObject)transform!["properties"]!).First()
        select (property.Key, $"{(string)transform["description"]!} {(string?)property.Value!["description"]}".Trim());

    /// <summary>A member of the object.</summary>
    public YarpDescription Member(string name) => new(_node?["properties"]?[name]);

    /// <summary>The values of an object with free names.</summary>
    public YarpDescription Value => new(_node?["patternProperties"]?["."]);

    /// <summary>The items of an array.</summary>
    public YarpDescription Item => new(_node?["items"]);
}
