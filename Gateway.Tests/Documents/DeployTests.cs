using System.Text.Json;
using System.Text.RegularExpressions;
using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.Documents;

/// <summary>Promise: the alert rules and the Grafana board ask for metrics that exist, and Prometheus takes the rules.</summary>
public sealed partial class DeployTests
{
    private static readonly string Folder = Path.Combine(Repository.Root, "deploy");

    // The table is held level with the program by OperationsDocumentTests.
    private static readonly HashSet<string> Metrics =
    [
        .. MetricRow().Matches(File.ReadAllText(Path.Combine(Repository.Root, "docs", "operations.md"))).Select(row => row.Groups["name"].Value),
    ];

    [Fact]
    public void AlertRules_NameMetricsThatExist()
    {
        var rules = File.ReadAllText(Path.Combine(Folder, "prometheus", "alerts.yml"));

        Assert.NotEmpty(MetricName().Matches(rules));
        Assert.All(MetricName().Matches(rules), static name => AssertKnown(name.Value));
    }

    [Fact]
    public void Board_NamesMetricsThatExist()
    {
        using var board = JsonDocument.Parse(File.ReadAllText(Path.Combine(Folder, "grafana", "openrouter-gateway.json")));
        var expressions = board.RootElement.GetProperty("panels").EnumerateArray()
            .Where(static panel => panel.TryGetProperty("targets", out _))
            .SelectMany(static panel => panel.GetProperty("targets").EnumerateArray())
            .Select(static target => target.GetProperty("expr").GetString()!)
            .ToArray();

        Assert.NotEmpty(expressions);
        Assert.All(expressions, static expression =>
        {
            Assert.NotEmpty(MetricName().Matches(expression));
            Assert.All(MetricName().Matches(expression), static name => AssertKnown(name.Value));
        });
    }

    [Theory]
    [InlineData("check", "rules", "alerts.yml")]
    [InlineData("test", "rules", "alerts.test.yml")]
    public async Task AlertRules_PassPromtool(params string[] arguments)
    {
        Assert.SkipUnless(Programs.Find("promtool") is not null, "promtool is not installed (Debian's package prometheus).");

        var run = await CommandRun.RunAsync("promtool", arguments, Path.Combine(Folder, "prometheus"));

        Assert.True(run.ExitCode == 0, run.Out + run.Error);
    }

    private static void AssertKnown(string name) => Assert.Contains(Suffix().Replace(name, ""), Metrics);

    [GeneratedRegex(@"^\| `(?<name>\w+)` \| `[\w.]+` \|", RegexOptions.Multiline | RegexOptions.ExplicitCapture)]
    private static partial Regex MetricRow();

    // Labels such as gen_ai_response_model have another beginning.
    [GeneratedRegex(@"\b(gateway_[a-zA-Z_]+|gen_ai_(client|server)_[a-z_]+)\b", RegexOptions.ExplicitCapture)]
    private static partial Regex MetricName();

    [GeneratedRegex("_(bucket|sum|count)$", RegexOptions.ExplicitCapture)]
    private static partial Regex Suffix();
}
