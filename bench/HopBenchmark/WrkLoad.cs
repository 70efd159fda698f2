using System.Globalization;
using System.Text.Json;

namespace HopBenchmark;

/// <summary>Posts one body repeatedly with wrk, a closed loop: latencies are those at saturation.</summary>
internal static class WrkLoad
{
    private const string Mark = "outcome ";

    // wrk keeps a whole request in memory for each key.
    private const int MostBytesHeld = 64 * 1024 * 1024;

    public static async Task<LoadResult> RunAsync(Hop hop, string bodyFile, int connections, TimeSpan duration)
    {
        var script = Path.Combine(AppContext.BaseDirectory, "post.lua");
        var keys = bodyFile + ".keys";
        await File.WriteAllLinesAsync(keys, hop.Keys.Take((int)Math.Max(1, MostBytesHeld / new FileInfo(bodyFile).Length)));
        var seconds = Math.Max(1, (int)duration.TotalSeconds).ToString(CultureInfo.InvariantCulture);
        var headers = hop.Headers.SelectMany(header => (string[])["-H", $"{header.Key}: {header.Value}"]);
        var output = await Tool.RunAsync(
            "wrk",
            [
                "-t1", $"-c{connections}", $"-d{seconds}s", "--timeout", "20s", .. headers,
                "-s", script, hop.Url.ToString(), "--", bodyFile, keys,
            ]);
        var line = output.Split('\n').SingleOrDefault(line => line.StartsWith(Mark, StringComparison.Ordinal))
            ?? throw new InvalidOperationException($"wrk failed: {output}");
        using var json = JsonDocument.Parse(line[Mark.Length..]);
        var outcome = json.RootElement;
        return new LoadResult(
            outcome.GetProperty("requests").GetInt64(),
            Microseconds("microseconds"),
            Microseconds("p50"),
            Microseconds("p99"),
            Microseconds("longest"),
            outcome.GetProperty("errors").GetInt64());

        TimeSpan Microseconds(string name) => TimeSpan.FromMicroseconds(outcome.GetProperty(name).GetInt64());
    }
}
