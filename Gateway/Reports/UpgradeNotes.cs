using Gateway.Configuration.Model;
using Gateway.Configuration.Schema;

namespace Gateway.Reports;

/// <summary>
/// The rows of the table "Upgrading" in CHANGELOG.md that settings decide. A test keeps both equal. Each release replaces the notes by its own.
/// </summary>
internal static class UpgradeNotes
{
    /// <summary>The version that the notes compare with.</summary>
    public const string PreviousVersion = "0.1";

    private const string AnyTeam = $"{SettingsSchema.Teams}:N";
    private const string AnyRule = $"{SettingsSchema.ProviderMapping}:Rules:N";
    private const string AnyCluster = $"{SettingsSchema.ReverseProxy}:Clusters:NAME";

    /// <summary>All notes, in the order of the table.</summary>
    public static IReadOnlyList<UpgradeNote> All { get; } =
    [
        new(
            new(
                "NO_PROXY",
                "Calls ignore HTTPS_PROXY, HTTP_PROXY and ALL_PROXY; price lists and bills use them.",
                "Both use them, unless the cluster names a WebProxy.",
                "NO_PROXY=openrouter.ai"),
            static settings => !settings.HasVariable("NO_PROXY")
                && (settings.HasVariable("HTTPS_PROXY") || settings.HasVariable("HTTP_PROXY") || settings.HasVariable("ALL_PROXY"))
                && settings.Clusters.Any(static cluster => StatedSettings.Find(cluster, "HttpClient:WebProxy") is null)),
        Unless(
            "Admin:Url",
            "/health has loaded_at, last_reload and restart_required_by.",
            "GET /admin/health has them.",
            "\"Admin\": { \"Url\": \"http://127.0.0.1:9464\" }"),
        Unless(
            "Limits:BytesPerToken",
            "A reservation has one prompt token per byte of text.",
            "One per two bytes.",
            "\"Limits\": { \"BytesPerToken\": 1 }",
            static settings => HasBudget(settings) || settings.Teams.Any(static team => StatedSettings.Find(team, "Limits:TokensPerMinute") is not null)),
        Unless(
            "Server:MaxWaitingBodies",
            "Large bodies wait for memory without a limit, in the order of arrival.",
            "Teams take turns, 256 bodies wait, the next is a 503 server_busy.",
            "\"Server\": { \"MaxWaitingBodies\": 100000 }"),
        Unless(
            "Limits:UnknownHold",
            "A call of unknown cost counts until the budget's period ends.",
            "For an hour.",
            "\"Limits\": { \"UnknownHold\": \"30.00:00:00\" }",
            HasBudget),
        new(
            new(
                $"{AnyTeam}:Budget:IncludeByok",
                "A provider's own cost (BYOK) does not count against budgets.",
                "It counts.",
                "\"Budget\": { \"IncludeByok\": false }"),
            static settings => settings.Budgets.Any(static budget => StatedSettings.Find(budget, nameof(TeamBudgetSettings.IncludeByok)) is null)),
        new(
            new(
                $"{AnyTeam}:ServerTools",
                "Every server tool and plugin of a team's request passes.",
                "Files, shells, MCP and unknown ones are a 403.",
                "\"ServerTools\": [\"*\"] in the team"),
            static settings => settings.Teams.Any(static team => StatedSettings.Find(team, nameof(TeamSettings.ServerTools)) is null)),
        new(
            new(
                $"{AnyRule}:ServerTools",
                "Server tools, plugins, :online and presets pass Enforce rules with only, zdr or data_collection: deny.",
                "They are a 403.",
                "\"ServerTools\": [\"*\"] in the rule"),
            HasClosingRule),
        new(
            new(
                $"{AnyTeam}:ServerTools:MaxUsd",
                "Server tools add nothing to a reservation.",
                "Those that cost more than tokens add 0.25 USD, and a stop condition to the request.",
                "\"ServerTools\": { \"MaxUsd\": N } sets the amount."),
            static settings => HasBudget(settings)
                && settings.Teams.Any(static team => StatedSettings.Find(team, $"{nameof(TeamSettings.ServerTools)}:{nameof(ServerToolsSettings.MaxUsd)}") is null)),
        new(
            new(
                "Limits:Prices:N:Request",
                "An entry of Limits:Prices replaces all listed prices of its model.",
                "Only the prices that it states; without Request the listed request price counts.",
                "\"Request\": \"0\""),
            static settings => settings.Snapshot.Settings.Limits.Prices.Any(static price => price.Request is null)),
        new(
            new(
                $"{AnyRule}:ServerTools",
                "A stored prompt (prompt.id) passes.",
                "It is the server tool prompt:ID: it needs the right to any model, is closed under only, zdr and data_collection, and is a 402 "
                    + "under a budget.",
                "\"ServerTools\": [\"prompt:*\"] in the rule; Limits:AllowUnknownPrices"),
            HasClosingRule),
        Unless(
            "Server:Limits:MaxConnections",
            "Server:Limits:MaxConnections is 10,000.",
            "It follows from the file descriptors, at most 10,000; as many requests may be in flight.",
            "\"MaxConnections\": 10000"),
        new(
            new(
                "OTEL_TRACES_EXPORTER",
                "With OTEL_EXPORTER_OTLP_ENDPOINT, metrics are exported.",
                "Traces are exported too.",
                "OTEL_TRACES_EXPORTER=none"),
            static settings => settings.HasVariable("OTEL_EXPORTER_OTLP_ENDPOINT") && !settings.HasVariable("OTEL_TRACES_EXPORTER")),
        Unless(
            "Upstream:MaxAttempts",
            "Every request is sent once.",
            "Up to three times, if upstream has surely not processed it.",
            "\"Upstream\": { \"MaxAttempts\": 1 }"),
        Unless(
            "Upstream:ConnectTimeout",
            "A connection may take ten seconds.",
            "Five.",
            "\"Upstream\": { \"ConnectTimeout\": \"00:00:10\" }"),
        new(
            new(
                $"{AnyCluster}:HealthCheck:Passive",
                "Clusters have no passive health checks.",
                "They have them by default.",
                "\"HealthCheck\": { \"Passive\": { \"Enabled\": false } } in the cluster"),
            static settings => settings.Clusters.Any(static cluster =>
                StatedSettings.Find(cluster, "HealthCheck:Passive:Enabled") is null && StatedSettings.Find(cluster, "HealthCheck:Passive:Policy") is null)),
        Unless(
            "Upstream:MaxRetriedBodySize",
            "The memory of a body is released when the body is sent.",
            "A body of up to 1 MB is kept until upstream's status is known.",
            "\"Upstream\": { \"MaxRetriedBodySize\": 0 }"),
        Unless(
            "Upstream:ErrorsInSuccess",
            "A 200 whose content is upstream's error passes.",
            "It has the error's status.",
            "\"Upstream\": { \"ErrorsInSuccess\": \"PassThrough\" }"),
        Unless(
            "Server:EventStreamHeaderDelay",
            "The headers of an event stream are sent with its first byte, or after one second.",
            "With its first data, or after three.",
            "\"Server\": { \"EventStreamHeaderDelay\": \"00:00:01\" }"),
        Unless(
            "Upstream:EventTimeout",
            "Comments keep an event stream alive for ever.",
            "Only data counts against ActivityTimeout.",
            "\"Upstream\": { \"EventTimeout\": \"1.00:00:00\", \"FirstEventTimeout\": \"1.00:00:00\" }"),
    ];

    /// <summary>The changes that concern settings.</summary>
    public static IReadOnlyList<CheckedUpgrade> Find(StatedSettings settings) =>
        [.. All.Where(note => note.Concerns(settings)).Select(static note => note.Change)];

    // A default that changed: a file that states the setting has decided.
    private static UpgradeNote Unless(string path, string was, string now, string back, Func<StatedSettings, bool>? uses = null) =>
        new(new(path, was, now, back), settings => !settings.Has(path) && (uses is null || uses(settings)));

    private static bool HasBudget(StatedSettings settings) => settings.Budgets.Any();

    private static bool HasClosingRule(StatedSettings settings) => settings.Snapshot.RuleSummaries
        .Concat(settings.Snapshot.Teams.Teams.SelectMany(static team => team.RuleSummaries))
        .Any(static rule => rule.ServerTools is { Count: 0 });
}
