using Gateway.Configuration.Tree;

namespace Gateway.Configuration.Model;

/// <summary>Section <c>Alerts</c>: messages to webhooks about budgets and OpenRouter keys. Reloadable.</summary>
internal sealed record AlertsSettings : ISettings<AlertsSettings>
{
    /// <summary>
    /// The fractions of a budget whose spending is alerted, above 0 and up to 1, in ascending order. Empty for none. Default: 0.8.
    /// </summary>
    public IReadOnlyList<decimal> BudgetThresholds { get; init; } = [0.8m];

    /// <summary>The URL that alerts are posted to, as a reference: <c>env:NAME</c> or <c>file:PATH</c>. Default: none.</summary>
    public string Webhook { get; init; } = "";

    /// <summary>The format of the body, also for the webhooks of teams. Default: <c>Json</c>.</summary>
    public AlertFormat Format { get; init; }

    /// <summary>The secret that signs the body, as a reference: <c>env:NAME</c> or <c>file:PATH</c>. Default: none, no signature.</summary>
    public string Secret { get; init; } = "";

    /// <inheritdoc/>
    public static AlertsSettings Create(SettingsMembers members)
    {
        var defaults = new AlertsSettings();
        return new AlertsSettings
        {
            BudgetThresholds = members.Decimals(nameof(BudgetThresholds), defaults.BudgetThresholds),
            Webhook = members.Secret(nameof(Webhook), defaults.Webhook),
            Format = members.Word(nameof(Format), defaults.Format),
            Secret = members.Secret(nameof(Secret), defaults.Secret),
        };
    }
}

/// <summary>The format of an alert's body.</summary>
internal enum AlertFormat
{
    /// <summary>The gateway's own object.</summary>
    Json,

    /// <summary>Slack's incoming webhooks.</summary>
    Slack,

    /// <summary>Microsoft Teams' webhooks, which are Power Automate workflows.</summary>
    Teams,

    /// <summary>Discord's webhooks.</summary>
    Discord,
}
