namespace Gateway.Primitives;

/// <summary>The period of a budget, in UTC. A week starts on Monday.</summary>
internal enum BudgetPeriod
{
    Day,
    Week,
    Month,

    /// <summary>Unlimited: the budget is spent once.</summary>
    Total,
}
