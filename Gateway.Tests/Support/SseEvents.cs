using System.Text.Json;

namespace Gateway.Tests.Support;

/// <summary>The events of an event stream, as a client reads them.</summary>
internal static class SseEvents
{
    /// <summary>Name (empty when it has none) and data of every complete event; comments are skipped.</summary>
    public static IReadOnlyList<(string Name, string Data)> Parse(string text)
    {
        var events = new List<(string, string)>();
        foreach (var block in text.ReplaceLineEndings("\n").Split("\n\n")[..^1])
        {
            var lines = block.Split('\n');
            var data = string.Join(
                '\n', lines.Where(line => line.StartsWith("data:", StringComparison.Ordinal)).Select(line => line[5..].TrimStart()));
            var name = lines.LastOrDefault(line => line.StartsWith("event:", StringComparison.Ordinal))?[6..].Trim() ?? "";
            if (data.Length > 0)
            {
                events.Add((name, data));
            }
        }

        return events;
    }

    /// <summary>The data of an event as JSON.</summary>
    public static JsonElement Json(string data)
    {
        using var document = JsonDocument.Parse(data);
        return document.RootElement.Clone();
    }
}
