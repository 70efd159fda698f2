namespace Gateway.Tests.Documents.Deployment;

/// <summary>The members of a file of alert rules that tests read.</summary>
internal sealed class PrometheusRules
{
    public List<Group> Groups { get; init; } = [];

    internal sealed class Group
    {
        public List<Rule> Rules { get; init; } = [];
    }

    internal sealed class Rule
    {
        public string Alert { get; init; } = "";

        public string Expr { get; init; } = "";

        public Dictionary<string, string> Annotations { get; init; } = [];
    }
}
