using System.Text.Json;
using System.Text.RegularExpressions;
using Gateway.Tests.Documents.Deployment;
using Gateway.Tests.Support;
using Xunit;
using YamlDotNet.Serialization;
using YamlDotNet.Serialization.NamingConventions;

namespace Gateway.Tests.Documents;

/// <summary>Promise: the alert rules and the Grafana board ask for metrics and labels that exist, and Prometheus takes their expressions.</summary>
public sealed partial class DeployTests
{
    private const string NoPromtool = "promtool is not installed (Debian's package prometheus).";
    private static readonly string Folder = Path.Combine(Repository.Root, "deploy");

    private static readonly IDeserializer Yaml = new DeserializerBuilder()
        .WithNamingConvention(UnderscoredNamingConvention.Instance)
        .IgnoreUnmatchedProperties()
        .Build();

    private static IReadOnlyList<PrometheusRules.Rule> Rules =>
        [.. Read<PrometheusRules>("alerts.yml").Groups.SelectMany(static group => group.Rules)];

    [Fact]
    public void AlertRules_NameMetricsAndLabelsThatExist()
    {
        Assert.NotEmpty(Rules);
        Assert.All(Rules, static rule => AssertKnown(rule.Expr, AnnotationLabel().Matches(string.Join('\n', rule.Annotations.Values))));
    }

    [Fact]
    public void EveryAlert_HasATestInWhichItFires() => Assert.Equal(
        Rules.Select(static rule => rule.Alert).Order(),
        Read<PrometheusRuleTests>("alerts.test.yml").Tests.SelectMany(static group => group.AlertRuleTest)
            .Where(static test => test.ExpAlerts.Count > 0).Select(static test => test.Alertname).Distinct().Order());

    [Fact]
    public void EveryAlert_IsExplainedWithItsExpression()
    {
        var explained = Explanation().Matches(File.ReadAllText(Path.Combine(Repository.Root, "docs", "operations.md")));

        Assert.Equal(Rules.Select(static rule => rule.Alert), explained.Select(static alert => alert.Groups["alert"].Value));
        Assert.All(explained.Zip(Rules), static pair => Assert.All(
            pair.First.Groups["expression"].Captures, expression => Assert.Contains(expression.Value, pair.Second.Expr, StringComparison.Ordinal)));
    }

    [Fact]
    public void Board_NamesMetricsAndLabelsThatExist()
    {
        using var board = ReadBoard();
        var targets = Targets(board);

        Assert.NotEmpty(targets);
        Assert.All(targets, static target => AssertKnown(
            target.Expression, LegendLabel().Matches(target.Legend)));
        Assert.All(
            board.RootElement.GetProperty("templating").GetProperty("list").EnumerateArray()
                .Where(static variable => variable.GetProperty("type").GetString() == "query"),
            static variable =>
            {
                var query = variable.GetProperty("query").GetProperty("query").GetString()!;
                Assert.Matches(LabelValues(), query);
                AssertKnown(query, LabelValues().Matches(query));
            });
    }

    [Theory]
    [InlineData("check", "rules", "alerts.yml")]
    [InlineData("test", "rules", "alerts.test.yml")]
    public async Task AlertRules_PassPromtool(params string[] arguments)
    {
        Assert.SkipUnless(Programs.Find("promtool") is not null, NoPromtool);

        var run = await CommandRun.RunAsync("promtool", arguments, Path.Combine(Folder, "prometheus"));

        Assert.True(run.ExitCode == 0, run.Out + run.Error);
    }

    /// <summary>As recording rules, since promtool has no command that only parses an expression without a server.</summary>
    [Fact]
    public async Task ExpressionsOfTheBoard_PassPromtool()
    {
        Assert.SkipUnless(Programs.Find("promtool") is not null, NoPromtool);
        using var board = ReadBoard();
        using var folder = new TempFolder();
        var expressions = Targets(board).Select(static target => Variable().Replace(
            target.Expression, static variable => variable.Value.StartsWith("$__", StringComparison.Ordinal) ? "5m" : "x")).ToList();
        folder.Write("board.yml", "groups:\n- name: board\n  rules:\n" + string.Concat(expressions.Select(static (expression, i) =>
            $"  - record: board:{i}\n    expr: '{expression.Replace("'", "''", StringComparison.Ordinal)}'\n")));

        var run = await CommandRun.RunAsync("promtool", ["check", "rules", "board.yml"], folder.Path);

        Assert.True(run.ExitCode == 0, run.Out + run.Error);
        Assert.Contains($"{expressions.Count} rules found", run.Out + run.Error, StringComparison.Ordinal);
    }

    private static T Read<T>(string name) => Yaml.Deserialize<T>(File.ReadAllText(Path.Combine(Folder, "prometheus", name)));

    private static JsonDocument ReadBoard() => JsonDocument.Parse(File.ReadAllText(Path.Combine(Folder, "grafana", "openrouter-gateway.json")));

    private static IReadOnlyList<(string Expression, string Legend)> Targets(JsonDocument board) =>
    [
        .. board.RootElement.GetProperty("panels").EnumerateArray()
            .Where(static panel => panel.TryGetProperty("targets", out _))
            .SelectMany(static panel => panel.GetProperty("targets").EnumerateArray())
            .Select(static target => (target.GetProperty("expr").GetString()!, target.GetProperty("legendFormat").GetString()!)),
    ];

    /// <summary>Compares the metrics of an expression, and the labels that it and its texts name, with the documented ones.</summary>
    /// <param name="expression">The expression.</param>
    /// <param name="more">Matches with the labels of its texts.</param>
    private static void AssertKnown(string expression, IEnumerable<Match> more)
    {
        var text = Quoted().Replace(expression, "\"\"");
        Assert.Matches(Metric(), text);

        // Prometheus adds those of the scraped target.
        var known = new HashSet<string> { "job", "instance" };
        foreach (Match metric in Metric().Matches(text))
        {
            var name = metric.Groups["name"].Value;
            Assert.Contains(Suffix().Replace(name, ""), MetricTable.Tags.Keys);
            var tags = MetricTable.Tags[Suffix().Replace(name, "")];
            Assert.All(Names(metric.Groups["selector"].Value), label => Assert.Contains(label, tags));
            known.UnionWith(tags);
            if (name.EndsWith("_bucket", StringComparison.Ordinal))
            {
                known.Add("le");
            }
        }

        Assert.All(
            Grouping().Matches(text).SelectMany(static grouping => Names(grouping.Groups["labels"].Value))
                .Concat(more.Select(static match => match.Groups["label"].Value)),
            label => Assert.Contains(label, known));
    }

    private static IEnumerable<string> Names(string text) => Name().Matches(text).Select(static name => name.Value);

    // Labels such as gen_ai_response_model have another beginning.
    [GeneratedRegex(@"\b(?<name>gateway_[a-zA-Z_]+|gen_ai_(client|server)_[a-z_]+)\b(\{(?<selector>[^}]*)\})?", RegexOptions.ExplicitCapture)]
    private static partial Regex Metric();

    [GeneratedRegex(@"\b(by|without|on|ignoring|group_left|group_right)\s*\((?<labels>[^)]*)\)", RegexOptions.ExplicitCapture)]
    private static partial Regex Grouping();

    [GeneratedRegex("\"[^\"]*\"")]
    private static partial Regex Quoted();

    [GeneratedRegex(@"\w+")]
    private static partial Regex Name();

    [GeneratedRegex("_(bucket|sum|count)$", RegexOptions.ExplicitCapture)]
    private static partial Regex Suffix();

    [GeneratedRegex(@"\$labels\.(?<label>\w+)", RegexOptions.ExplicitCapture)]
    private static partial Regex AnnotationLabel();

    [GeneratedRegex(@"\{\{\s*(?<label>\w+)\s*\}\}", RegexOptions.ExplicitCapture)]
    private static partial Regex LegendLabel();

    [GeneratedRegex(@"^label_values\((?<metric>\w+), (?<label>\w+)\)$", RegexOptions.ExplicitCapture)]
    private static partial Regex LabelValues();

    [GeneratedRegex(@"\$(\w+|\{[^}]+\})", RegexOptions.ExplicitCapture)]
    private static partial Regex Variable();

    // - `Alert`, `expression` and `expression`: …
    [GeneratedRegex(@"^- `(?<alert>Gateway\w+)`,\s+`(?<expression>[^`]+)`(\s+and\s+`(?<expression>[^`]+)`)*:\s", RegexOptions.Multiline | RegexOptions.ExplicitCapture)]
    private static partial Regex Explanation();
}
