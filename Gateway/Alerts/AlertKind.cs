namespace Gateway.Alerts;

/// <summary>The subject of an alert.</summary>
internal enum AlertKind
{
    /// <summary>A threshold of a budget is spent.</summary>
    BudgetThreshold,

    /// <summary>A budget does not cover a request.</summary>
    BudgetExceeded,

    /// <summary>Upstream rejects an OpenRouter key.</summary>
    UpstreamKeyRejected,
}
