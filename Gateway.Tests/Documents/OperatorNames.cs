using System.Reflection;
using System.Text.RegularExpressions;
using Gateway.Alerts;
using Gateway.Primitives;
using Gateway.Tests.Support;

namespace Gateway.Tests.Documents;

/// <summary>The names under which an operator sees a failure.</summary>
internal sealed partial class OperatorNames
{
    /// <summary>Names beside events, metrics and alerts: where else to look, and what stands there.</summary>
    private static readonly string[] Others = ["/health", "/admin/health", "limit_store_fault", "degraded", "GatewayDied", "Shutdown"];

    private readonly HashSet<string> _events =
        [.. typeof(LogEvents).GetFields(BindingFlags.Public | BindingFlags.Static).Select(static field => field.Name)];

    private readonly HashSet<string> _alerts = [.. Alert()
        .Matches(File.ReadAllText(Path.Combine(Repository.Root, "deploy", "prometheus", "alerts.yml")))
        .Select(static match => match.Groups["name"].Value)];

    private readonly HashSet<string> _webhooks = [.. Enum.GetValues<AlertKind>().Select(static kind => kind.ToWord())];

    /// <summary>The values of tags that stand in the documents of metrics and errors, and the classes of statuses.</summary>
    private readonly HashSet<string> _values =
    [
        .. Code("operations.md"), .. Code("errors.md"), "2xx", "3xx", "4xx", "5xx",
    ];

    /// <summary>Whether a name is an event, a metric or an alert.</summary>
    public bool IsSeen(string name) => _events.Contains(name) || _alerts.Contains(name) || _webhooks.Contains(name) || IsMetric(name);

    /// <summary>Whether a name is one of these, or one of the others.</summary>
    public bool IsKnown(string name) => IsSeen(name) || Others.Contains(name);

    private static IEnumerable<string> Code(string document) =>
        MarkdownSection.Read(Path.Combine(Repository.Root, "docs", document)).SelectMany(static section => section.InlineCode);

    /// <summary>Whether it is a metric, perhaps with one of its tags and a value of that.</summary>
    private bool IsMetric(string name) =>
        Metric().Match(name) is { Success: true } match
        && MetricTable.Tags.TryGetValue(match.Groups["name"].Value, out var tags)
        && (!match.Groups["tag"].Success || (tags.Contains(match.Groups["tag"].Value) && _values.Contains(match.Groups["value"].Value)));

    [GeneratedRegex(@"^\s*- alert: (?<name>\w+)\s*$", RegexOptions.Multiline | RegexOptions.ExplicitCapture)]
    private static partial Regex Alert();

    [GeneratedRegex("^(?<name>\\w+)(\\{(?<tag>\\w+)=\"(?<value>\\w+)\"\\})?$", RegexOptions.ExplicitCapture)]
    private static partial Regex Metric();
}
