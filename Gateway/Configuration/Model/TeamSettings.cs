using Gateway.Configuration.Tree;
using Gateway.Primitives;

namespace Gateway.Configuration.Model;

/// <summary>An entry of section <c>Teams</c>. Reloadable.</summary>
internal sealed record TeamSettings : ISettings<TeamSettings>
{
    /// <summary>The team's id, <c>[A-Za-z0-9._-]{1,64}</c>. Required; unique.</summary>
    public required string Id { get; init; }

    /// <summary>The keys of the team's clients. Required, one or more.</summary>
    public required IReadOnlyList<TeamKeySettings> Keys { get; init; }

    /// <summary>The OpenRouter key, as a reference: <c>env:NAME</c> or <c>file:PATH</c>. Required; a literal is a fault.</summary>
    public required string OpenRouterKey { get; init; }

    /// <summary>Patterns of models that the team may use. Default: all.</summary>
    public IReadOnlyList<string>? AllowedModels { get; init; }

    /// <summary>Patterns of models that the team may not use, even if allowed above. Default: none.</summary>
    public IReadOnlyList<string>? DeniedModels { get; init; }

    /// <summary>The server tools and plugins that the team may use; an array alone is <c>Allow</c>.</summary>
    public ServerToolsSettings? ServerTools { get; init; }

    /// <summary>Limits of the whole team. Default: none.</summary>
    public TeamLimitsSettings? Limits { get; init; }

    /// <summary>The budget of the team. Default: none.</summary>
    public TeamBudgetSettings? Budget { get; init; }

    /// <summary>
    /// The team's own rules and aliases, which precede the global ones. Their names must differ from the global rules' and are
    /// <c>team-rule-N</c> by default.
    /// </summary>
    public ProviderMappingSettings? ProviderMapping { get; init; }

    /// <summary>Attribution headers for requests that have none.</summary>
    public AttributionSettings? Attribution { get; init; }

    /// <summary>
    /// Whether the team's sessions, and with them OpenRouter's sticky routing, are separated from those of other teams with the same
    /// OpenRouter account. Default: off.
    /// </summary>
    public bool ScopeSessions { get; init; }

    /// <summary>
    /// The URL that alerts about the team's budget are posted to in place of <see cref="AlertsSettings.Webhook"/>, as a reference:
    /// <c>env:NAME</c> or <c>file:PATH</c>. Default: none.
    /// </summary>
    public string? AlertWebhook { get; init; }

    /// <inheritdoc/>
    public static TeamSettings Create(SettingsMembers members) => new()
    {
        Id = members.Text(nameof(Id)),
        Keys = members.List<TeamKeySettings>(nameof(Keys), isRequired: true),
        OpenRouterKey = members.Secret(nameof(OpenRouterKey)),
        AllowedModels = members.OptionalTexts(nameof(AllowedModels)),
        DeniedModels = members.OptionalTexts(nameof(DeniedModels)),
        ServerTools = members.OptionalObject<ServerToolsSettings>(nameof(ServerTools), shorthand: nameof(ServerToolsSettings.Allow)),
        Limits = members.OptionalObject<TeamLimitsSettings>(nameof(Limits)),
        Budget = members.OptionalObject<TeamBudgetSettings>(nameof(Budget)),
        ProviderMapping = members.OptionalObject<ProviderMappingSettings>(nameof(ProviderMapping)),
        Attribution = members.OptionalObject<AttributionSettings>(nameof(Attribution)),
        ScopeSessions = members.Flag(nameof(ScopeSessions)),
        AlertWebhook = members.OptionalSecret(nameof(AlertWebhook)),
    };
}

/// <summary>A key of a team.</summary>
internal sealed record TeamKeySettings : ISettings<TeamKeySettings>
{
    /// <summary>The name in reports. Default: <c>key-N</c>, counted from 1.</summary>
    public string? Label { get; init; }

    /// <summary>SHA-256 of the key, 64 hexadecimal digits in any case. Required; <c>keys new</c> prints it.</summary>
    public required string Sha256 { get; init; }

    /// <summary>The expiry, as ISO 8601 with an offset: <c>2027-01-01T00:00:00Z</c>. Default: never.</summary>
    public string? Expires { get; init; }

    /// <summary>Limits of this key, in addition to the team's. Default: none.</summary>
    public TeamLimitsSettings? Limits { get; init; }

    /// <summary>Patterns of models that this key may use, within those of the team. Default: the team's.</summary>
    public IReadOnlyList<string>? AllowedModels { get; init; }

    /// <summary>The budget of this key, within the team's. Default: none.</summary>
    public TeamBudgetSettings? Budget { get; init; }

    /// <inheritdoc/>
    public static TeamKeySettings Create(SettingsMembers members) => new()
    {
        Label = members.OptionalSecret(nameof(Label)),
        Sha256 = members.Secret(nameof(Sha256)),
        Expires = members.OptionalText(nameof(Expires)),
        Limits = members.OptionalObject<TeamLimitsSettings>(nameof(Limits)),
        AllowedModels = members.OptionalTexts(nameof(AllowedModels)),
        Budget = members.OptionalObject<TeamBudgetSettings>(nameof(Budget)),
    };
}

/// <summary>Limits; each is 1 or more. <see langword="null"/> means no limit.</summary>
internal sealed record TeamLimitsSettings : ISettings<TeamLimitsSettings>
{
    /// <summary>Requests per minute; also the burst.</summary>
    public int? RequestsPerMinute { get; init; }

    /// <summary>Prompt and completion tokens per minute; also the burst.</summary>
    public int? TokensPerMinute { get; init; }

    /// <summary>Requests in flight.</summary>
    public int? ConcurrentRequests { get; init; }

    /// <inheritdoc/>
    public static TeamLimitsSettings Create(SettingsMembers members) => new()
    {
        RequestsPerMinute = members.OptionalInt32(nameof(RequestsPerMinute)),
        TokensPerMinute = members.OptionalInt32(nameof(TokensPerMinute)),
        ConcurrentRequests = members.OptionalInt32(nameof(ConcurrentRequests)),
    };
}

/// <summary>A budget.</summary>
internal sealed record TeamBudgetSettings : ISettings<TeamBudgetSettings>
{
    /// <summary>The amount per period in US dollars, above 0 and up to 9,000,000. Required.</summary>
    public required decimal Usd { get; init; }

    /// <summary>The period, in UTC; a week begins on Monday. Default: <c>Month</c>.</summary>
    public BudgetPeriod? Period { get; init; }

    /// <summary>
    /// Whether the budget counts the amount that a provider bills for calls with the account's own key there (BYOK), beside OpenRouter's
    /// cost. Default: on.
    /// </summary>
    public bool? IncludeByok { get; init; }

    /// <summary>
    /// The policy for requests that the budget does not cover: <c>Refuse</c>, or <c>Report</c> to let them pass, and log and count them as
    /// if they were refused. Default: <c>Refuse</c>.
    /// </summary>
    public ExceededPolicy? WhenExceeded { get; init; }

    /// <inheritdoc/>
    public static TeamBudgetSettings Create(SettingsMembers members) => new()
    {
        Usd = members.Decimal(nameof(Usd)),
        Period = members.OptionalWord<BudgetPeriod>(nameof(Period)),
        IncludeByok = members.OptionalFlag(nameof(IncludeByok)),
        WhenExceeded = members.OptionalWord<ExceededPolicy>(nameof(WhenExceeded)),
    };
}

/// <summary>Attribution headers.</summary>
internal sealed record AttributionSettings : ISettings<AttributionSettings>
{
    /// <summary><c>HTTP-Referer</c>: the URL of the team's product.</summary>
    public string? Referer { get; init; }

    /// <summary><c>X-Title</c>: the name of the team's product.</summary>
    public string? Title { get; init; }

    /// <inheritdoc/>
    public static AttributionSettings Create(SettingsMembers members) => new()
    {
        Referer = members.OptionalText(nameof(Referer)),
        Title = members.OptionalText(nameof(Title)),
    };
}
