using System.Collections.Immutable;

namespace Gateway.Limits;

/// <summary>The latest level of each budget, for the metrics. Thread-safe.</summary>
internal sealed class BudgetLevels
{
    private ImmutableArray<BudgetLevel> _current = [];

    /// <summary>The levels; teams and keys without a budget have none.</summary>
    public ImmutableArray<BudgetLevel> Current
    {
        get => _current;
        set => ImmutableInterlocked.InterlockedExchange(ref _current, value);
    }
}
