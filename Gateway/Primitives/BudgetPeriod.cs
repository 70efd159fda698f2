namespace Gateway.Primitives;

/// <summary>How long a budget is good for, in UTC. A week begins on Monday.</summary>
internal enum BudgetPeriod
{
    Day,
    Week,
    Month,

    /// <summary>For ever: it is spent once.</summary>
    Total,
}
