namespace Gateway.Ledger;

/// <summary>A member by which usage is grouped.</summary>
internal enum UsageGroup
{
    /// <summary>The team's id.</summary>
    Team,

    /// <summary>The team's key, written <c>team/label</c>: labels are unique within a team only.</summary>
    Key,

    /// <summary>The model that answered; without an answer the model that was sent, or asked for.</summary>
    Model,

    /// <summary>The provider that answered.</summary>
    Provider,

    /// <summary>The applied rules.</summary>
    Rule,

    /// <summary>The day on which the request arrived, in UTC, written <c>2026-11-28</c>.</summary>
    Day,

    /// <summary>The month in which the request arrived, in UTC, written <c>2026-11</c>.</summary>
    Month,
}
