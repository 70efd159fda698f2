using Gateway.Reports;

namespace Gateway.Admin;

/// <summary>The descriptions of the admin address' endpoints.</summary>
internal static class AdminOperations
{
    private const string Json = "application/json";

    public static AdminOperation Usage { get; } = new("getUsage", "Sums of usage by group, from the ledger.")
    {
        Parameters =
        [
            new("group", $"The grouping: {UsageQuery.GroupExpected}. Default: team."),
            new("team", "The id of a team. Several are added up.") { IsRepeatable = true },
            new("key", $"A key: {UsageQuery.KeyExpected}. Several are added up.") { IsRepeatable = true },
            new("model", $"A model: {UsageQuery.ModelExpected}. Several are added up.") { IsRepeatable = true },
            new("from", $"The start, inclusive: {UsageQuery.TimeExpected}."),
            new("to", $"The end, exclusive: {UsageQuery.TimeExpected}."),
            new("last", $"In place of from and to: {UsageQuery.LastExpected}."),
            new("unresolved", "Only requests without a known bill.", """{"type":"string","enum":["true"]}"""),
        ],
        Answers = [(Json, static () => AdminSchemas.Of(UsageJsonContext.Default.UsageDocument)), ("text/csv", static () => AdminSchemas.Text)],
    };

    public static AdminOperation Requests { get; } = new("listRequests", "The latest requests, newest first.")
    {
        Parameters =
        [
            new("team", "The id of a team."),
            new("model", $"The requested, the sent or the answered model: {UsageQuery.ModelExpected}."),
            new("code", "The code of the gateway's error. The ledger has none, so only requests in memory are found."),
            new("status", "The status of the response.", """{"type":"integer","minimum":100,"maximum":599}"""),
            new("since", $"The start, inclusive: {UsageQuery.TimeExpected}, or a number of minutes, hours, days or weeks (15m, 24h, 7d, 4w)."),
            new("limit", "The maximum number of requests.", """{"type":"integer","minimum":1,"maximum":10000,"default":100}"""),
        ],
        Answers = [(Json, static () => AdminSchemas.Of(LookupJsonContext.Default.RequestsDocument))],
    };

    public static AdminOperation Request { get; } = new("getRequest", "One request.")
    {
        Parameters = [new(RequestsEndpoint.IdParameter, "The x-request-id of the response, or upstream's id of the generation.") { IsInPath = true }],
        Answers = [(Json, static () => AdminSchemas.Of(LookupJsonContext.Default.RequestDocument))],
    };

    public static AdminOperation Teams { get; } = new("listTeams", "The teams: levels of budgets and limits, and keys.")
    {
        Answers = [(Json, static () => AdminSchemas.Of(LookupJsonContext.Default.TeamsDocument))],
    };

    public static AdminOperation Health { get; } = new("getHealth", "The state of the settings.")
    {
        Answers = [(Json, static () => AdminSchemas.Health)],
    };

    public static AdminOperation Explain { get; } = new("explain", "What the gateway would do with a request. Nothing is sent or counted.")
    {
        BodySchema = AdminSchemas.Question,
        Answers = [(Json, static () => AdminSchemas.Explanation)],
    };

    public static AdminOperation Live { get; } = new("getLiveness", "The probe of the process.")
    {
        Answers = [(Json, static () => AdminSchemas.Live)],
        IsOpen = true,
    };

    public static AdminOperation Metrics { get; } = new("getMetrics", "The metrics, as Prometheus reads them.")
    {
        Answers = [("text/plain", static () => AdminSchemas.Text)],
    };

    public static AdminOperation Document { get; } = new("getOpenApi", "This document.")
    {
        Answers = [(Json, static () => AdminSchemas.Document)],
    };
}
