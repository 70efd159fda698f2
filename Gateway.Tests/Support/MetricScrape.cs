using System.Globalization;
using System.Text.RegularExpressions;
using Xunit;

namespace Gateway.Tests.Support;

/// <summary>The metrics at the admin address at one moment, in Prometheus' text format.</summary>
/// <param name="text">The text.</param>
internal sealed partial class MetricScrape(string text)
{
    private readonly ILookup<string, MetricSeries> _series = Line().Matches(text).ToLookup(
        static line => line.Groups["name"].Value,
        static line => new MetricSeries(
            Tag().Matches(line.Groups["tags"].Value).ToDictionary(static tag => tag.Groups["name"].Value, static tag => tag.Groups["value"].Value),
            double.Parse(line.Groups["value"].ValueSpan, CultureInfo.InvariantCulture)));

    public string Text { get; } = text;

    /// <summary>Reads <c>/metrics</c>.</summary>
    public static async Task<MetricScrape> ReadAsync(HttpClient admin) =>
        new(await admin.GetStringAsync("/metrics", TestContext.Current.CancellationToken));

    /// <summary>The series of a metric that have these tags, and perhaps others.</summary>
    public IEnumerable<MetricSeries> Of(string name, params (string Name, string Value)[] tags) =>
        _series[name].Where(series => tags.All(tag => series.Tags.GetValueOrDefault(tag.Name) == tag.Value));

    [GeneratedRegex(@"^(?<name>\w+)\{(?<tags>[^\n]*)\} (?<value>\S+)", RegexOptions.Multiline | RegexOptions.ExplicitCapture)]
    private static partial Regex Line();

    [GeneratedRegex("(?<name>\\w+)=\"(?<value>(\\\\.|[^\"\\\\])*)\"", RegexOptions.ExplicitCapture)]
    private static partial Regex Tag();
}
