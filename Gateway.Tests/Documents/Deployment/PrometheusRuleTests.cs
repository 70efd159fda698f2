namespace Gateway.Tests.Documents.Deployment;

/// <summary>The members of a file for <c>promtool test rules</c> that tests read.</summary>
internal sealed class PrometheusRuleTests
{
    public List<Group> Tests { get; init; } = [];

    internal sealed class Group
    {
        public List<Case> AlertRuleTest { get; init; } = [];
    }

    internal sealed class Case
    {
        public string Alertname { get; init; } = "";

        public List<object> ExpAlerts { get; init; } = [];
    }
}
