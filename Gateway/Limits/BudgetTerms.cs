using Gateway.Ledger;
using Gateway.Primitives;
using Gateway.Teams;

namespace Gateway.Limits;

/// <summary>What the budgets of the current settings count of a ledger row. Memory, Redis and the seeds of both apply the same terms.</summary>
/// <param name="budgetOf">The budget of a team in the current settings; <see langword="null"/> without a budget.</param>
/// <param name="unknownHold">The time for which an unresolvable row counts, in the current settings.</param>
/// <param name="time">The clock.</param>
internal sealed class BudgetTerms(Func<string, TeamBudget?> budgetOf, Func<TimeSpan> unknownHold, TimeProvider time)
{
    /// <summary>
    /// Unresolvable rows that were closed before this time do not count any more. Rounded as the ledger rounds times, so that counters and
    /// seeds agree on every row.
    /// </summary>
    public DateTimeOffset HeldSince => LedgerKeys.FromStored(LedgerKeys.ToStored(time.GetUtcNow() - unknownHold()));

    /// <summary>The period of a team's budget; <see langword="null"/> without a budget.</summary>
    public BudgetPeriod? PeriodOf(string team) => budgetOf(team)?.Period;

    /// <summary>Whether a row counts only for a time: its request is in flight, its bill is awaited, or it is unresolvable.</summary>
    public bool IsHeld(RowCharge row) => row.IsOpen || (row.IsUnresolvable && (row.ClosedAt ?? row.StartedAt) >= HeldSince);

    /// <summary>Whether a row counts nothing although its bill is unknown. A late bill is added.</summary>
    public bool IsExpired(RowCharge row) => row.IsExpired || (row.IsUnresolvable && !IsHeld(row));

    /// <summary>The amount of a row.</summary>
    public PicoDollars ChargeOf(RowCharge row) =>
        IsExpired(row) ? PicoDollars.Zero
        : row.Charge + (CountsByok(row.Team) ? row.UpstreamCost : PicoDollars.Zero);

    /// <summary>The amount of a team's rows.</summary>
    public PicoDollars ChargeOf(string team, TeamCharges charges) =>
        charges.Charged + (CountsByok(team) ? charges.UpstreamCost : PicoDollars.Zero);

    private bool CountsByok(string team) => budgetOf(team)?.IncludesByok ?? true;
}
