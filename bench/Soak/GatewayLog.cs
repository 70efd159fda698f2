using System.Text.Json;

namespace Soak;

/// <summary>Reads the gateway's log, which is a line of JSON for each event.</summary>
internal static class GatewayLog
{
    /// <summary>The texts of all errors but those that tell of broken settings, each with how often it came.</summary>
    public static IReadOnlyList<string> ErrorsIn(string file)
    {
        var errors = new Dictionary<string, int>();
        foreach (var line in File.ReadLines(file))
        {
            if (ErrorOf(line) is { } error)
            {
                errors[error] = errors.GetValueOrDefault(error) + 1;
            }
        }

        return [.. errors.Select(error => $"{error.Value} times {error.Key}")];
    }

    private static string? ErrorOf(string line)
    {
        // What is no JSON was written by the runtime: an exception that nobody caught.
        if (!line.StartsWith('{'))
        {
            return line.Length == 0 ? null : line;
        }

        using var json = JsonDocument.Parse(line);
        var entry = json.RootElement;
        var isError = entry.TryGetProperty("@l", out var level) && level.GetString() is "Error" or "Fatal";
        var isOfSettings = entry.TryGetProperty("SourceContext", out var source)
            && source.GetString()!.StartsWith("Gateway.Configuration.", StringComparison.Ordinal);
        return isError && !isOfSettings ? entry.GetProperty("@mt").GetString() : null;
    }
}
