namespace Gateway.Tests.Support;

/// <summary>A series of a metric in a <see cref="MetricScrape"/>.</summary>
/// <param name="Tags">Its tags; values are escaped as in the text.</param>
/// <param name="Value">Its value.</param>
internal sealed record MetricSeries(IReadOnlyDictionary<string, string> Tags, double Value);
