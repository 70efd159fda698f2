using System.Text.Json;

namespace Soak;

/// <summary>Reads the gateway's log, which has one line of JSON per event.</summary>
internal static class GatewayLog
{
    /// <summary>The messages of all errors except those about invalid settings, each with its count.</summary>
    /// <param name="files">The files.</param>
    /// <param name="expected">The beginning of another message that is expected.</param>
    public static IReadOnlyList<string> ErrorsIn(IEnumerable<string> files, string? expected = null)
    {
        var errors = new Dictionary<string, int>();
        foreach (var line in files.SelectMany(File.ReadLines))
        {
            if (ErrorOf(line) is { } error && (expected is null || !error.StartsWith(expected, StringComparison.Ordinal)))
            {
                errors[error] = errors.GetValueOrDefault(error) + 1;
            }
        }

        return [.. errors.Select(error => $"{error.Value} times {error.Key}")];
    }

    private static string? ErrorOf(string line)
    {
        // A line that is not JSON comes from the runtime: an unhandled exception.
        if (!line.StartsWith('{'))
        {
            return line.Length == 0 ? null : line;
        }

        // The last line of a killed process.
        if (!line.EndsWith('}'))
        {
            return null;
        }

        using var json = JsonDocument.Parse(line);
        var entry = json.RootElement;
        var isError = entry.TryGetProperty("@l", out var level) && level.GetString() is "Error" or "Fatal";
        var isOfSettings = entry.TryGetProperty("SourceContext", out var source)
            && source.GetString()!.StartsWith("Gateway.Configuration.", StringComparison.Ordinal);
        return isError && !isOfSettings ? entry.GetProperty("@mt").GetString() : null;
    }
}
