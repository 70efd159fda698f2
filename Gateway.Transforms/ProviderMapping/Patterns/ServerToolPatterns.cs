using OpenRouterGateway.Transforms.Json;

namespace OpenRouterGateway.Transforms.ProviderMapping.Patterns;

/// <summary>Reads patterns of server tools. They match like patterns of models.</summary>
internal static class ServerToolPatterns
{
    /// <summary>Reads a list.</summary>
    /// <param name="texts">The patterns as written.</param>
    /// <param name="path">The path of the setting, for faults.</param>
    /// <param name="problems">Receives the faults.</param>
    /// <returns>The patterns; <see langword="null"/> after a fault.</returns>
    public static List<ModelPattern>? Read(IReadOnlyList<string> texts, string path, ICollection<RuleProblem> problems)
    {
        var patterns = new List<ModelPattern>();
        for (var i = 0; i < texts.Count; i++)
        {
            if (string.IsNullOrWhiteSpace(texts[i]))
            {
                problems.Add(new RuleProblem(
                    $"{path}:{i}", $"got {JsonText.Quoted(texts[i])}, expected a server tool or a pattern such as \"openrouter:*\""));
            }
            else if (ModelPattern.Create(texts[i].Trim(), $"{path}:{i}", problems) is { } pattern)
            {
                patterns.Add(pattern);
            }
        }

        return patterns.Count == texts.Count ? patterns : null;
    }
}
