namespace Gateway.Alerts;

/// <summary>The words of <see cref="AlertKind"/> in bodies, names and metrics.</summary>
internal static class AlertKinds
{
    public static string ToWord(this AlertKind kind) => kind switch
    {
        AlertKind.BudgetThreshold => "budget_threshold",
        AlertKind.BudgetExceeded => "budget_exceeded",
        AlertKind.UpstreamKeyRejected => "upstream_key_rejected",
        _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, null),
    };

    /// <summary>The kind of a word; <see langword="null"/> if there is none.</summary>
    public static AlertKind? FromWord(string? word) => word switch
    {
        "budget_threshold" => AlertKind.BudgetThreshold,
        "budget_exceeded" => AlertKind.BudgetExceeded,
        "upstream_key_rejected" => AlertKind.UpstreamKeyRejected,
        _ => null,
    };
}
