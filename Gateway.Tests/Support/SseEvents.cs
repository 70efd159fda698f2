using System.Text.Json;
using Xunit;

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

    /// <summary>Checks that an event is the error event of an endpoint's dialect.</summary>
    public static void IsErrorOf(string endpoint, (string Name, string Data) last)
    {
        var json = Json(last.Data);
        switch (endpoint)
        {
            case "messages":
                Assert.Equal("error", last.Name);
                Assert.Equal("error", json.GetProperty("type").GetString());
                Assert.NotEmpty(json.GetProperty("error").GetProperty("message").GetString()!);
                Assert.NotEmpty(json.GetProperty("error").GetProperty("type").GetString()!);
                break;
            case "responses":
                Assert.True(last.Name is "response.failed" or "response.error" or "error", last.Name);
                Assert.Equal(last.Name, json.GetProperty("type").GetString());
                break;
            default:
                Assert.NotEmpty(json.GetProperty("error").GetProperty("message").GetString()!);
                break;
        }
    }
}
