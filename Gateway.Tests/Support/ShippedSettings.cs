using System.Text.Json;
using System.Text.Json.Nodes;

namespace Gateway.Tests.Support;

/// <summary>The appsettings.json that ships with the gateway, and variants of it.</summary>
internal static class ShippedSettings
{
    private static readonly JsonDocumentOptions Lenient = new() { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true };

    /// <summary>The file as it is, comments included.</summary>
    public static string Text { get; } = File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "appsettings.json"));

    /// <summary>The file with whole sections replaced or added, each given as JSON.</summary>
    public static string With(params (string Name, string Json)[] sections)
    {
        var settings = Parse();
        foreach (var (name, json) in sections)
        {
            settings[name] = JsonNode.Parse(json, documentOptions: Lenient);
        }

        return settings.ToJsonString();
    }

    /// <summary>The file with these provider rules, a JSON array.</summary>
    public static string WithRules(string rules) => With(("ProviderMapping", $$"""{ "Rules": {{rules}} }"""));

    /// <summary>The file with single settings changed: a path such as <c>Server:Limits:X</c> and its value as JSON.</summary>
    public static string WithValues(params (string Path, string Json)[] values)
    {
        var settings = Parse();
        foreach (var (path, json) in values)
        {
            var keys = path.Split(':');
            var parent = settings;
            foreach (var key in keys[..^1])
            {
                parent = (JsonObject)(parent[key] ??= new JsonObject());
            }

            parent[keys[^1]] = JsonNode.Parse(json);
        }

        return settings.ToJsonString();
    }

    /// <summary>The file as a tree, to be changed at will.</summary>
    public static JsonObject Parse() => JsonNode.Parse(Text, documentOptions: Lenient)!.AsObject();
}
