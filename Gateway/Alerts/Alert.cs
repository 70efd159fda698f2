namespace Gateway.Alerts;

/// <summary>The facts of an alert. No member is a secret.</summary>
internal sealed record Alert
{
    public required AlertKind Kind { get; init; }

    /// <summary>Identifies the alert for receivers: an alert that is posted again has the same id.</summary>
    public required Guid Id { get; init; }

    /// <summary>When it was raised.</summary>
    public required DateTimeOffset Time { get; init; }

    /// <summary>The id of the team.</summary>
    public required string Team { get; init; }

    /// <summary>The label of the team's key whose budget it is; <see langword="null"/> for the budget of the team.</summary>
    public string? KeyLabel { get; init; }

    /// <summary>The budget; <see langword="null"/> if the alert is about a key.</summary>
    public AlertBudget? Budget { get; init; }

    /// <summary>The fraction of the limit that is spent, for <see cref="AlertKind.BudgetThreshold"/>.</summary>
    public decimal? Threshold { get; init; }

    /// <summary>Whether the request was refused, for <see cref="AlertKind.BudgetExceeded"/>. A budget may only report.</summary>
    public bool? IsRefused { get; init; }

    /// <summary>The name of the OpenRouter key, for <see cref="AlertKind.UpstreamKeyRejected"/>: its reference in the settings.</summary>
    public string? UpstreamKey { get; init; }

    /// <summary>The status of upstream's response, for <see cref="AlertKind.UpstreamKeyRejected"/>.</summary>
    public int? Status { get; init; }
}
