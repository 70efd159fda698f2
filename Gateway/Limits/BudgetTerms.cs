using Gateway.Billing;
using Gateway.Configuration;
using Gateway.Ledger;
using Gateway.Primitives;
using Gateway.Teams;

namespace Gateway.Limits;

/// <summary>
/// The amount of a ledger row that the budgets of the current settings count. Memory, Redis and the seeds of both apply the same terms.
/// </summary>
/// <param name="teamOf">Finds a team in the current settings; <see langword="null"/> if there is none.</param>
/// <param name="unknownHold">The time for which an unresolvable row counts, in the current settings.</param>
/// <param name="time">The clock.</param>
internal sealed class BudgetTerms(Func<string, Team?> teamOf, Func<TimeSpan> unknownHold, TimeProvider time)
{
    /// <summary>The terms of the current settings.</summary>
    public static BudgetTerms Of(SettingsStore settings, TimeProvider time) => new(
        id => settings.Current.Teams.TryGet(id, out var team) ? team : null, () => settings.Current.Settings.Limits.UnknownHold, time);

    /// <summary>
    /// Unresolvable rows that were closed before this time do not count any more. Rounded as the ledger rounds times, so that counters and
    /// seeds agree on every row.
    /// </summary>
    public DateTimeOffset HeldSince => LedgerKeys.FromStored(LedgerKeys.ToStored(time.GetUtcNow() - unknownHold()));

    /// <summary>The budget of the team, and that of the key, in which a call is counted; <see langword="null"/> without one.</summary>
    public (BudgetKey? Team, BudgetKey? Key) KeysOf(string team, string keyLabel, DateTimeOffset startedAt)
    {
        var found = teamOf(team);
        return (
            found?.Budget is { } budget ? BudgetKey.At(team, budget.Period, startedAt) : null,
            found?.BudgetOf(keyLabel) is { } own ? BudgetKey.At(team, own.Period, startedAt, keyLabel) : null);
    }

    /// <summary>Whether a row counts only for a time: its request is in flight, its bill is awaited, or it is unresolvable.</summary>
    public bool IsHeld(RowCharge row) => row.IsOpen || (row.IsUnresolvable && (row.ClosedAt ?? row.StartedAt) >= HeldSince);

    /// <summary>Whether a row counts nothing although its bill is unknown. A late bill is added.</summary>
    public bool IsExpired(RowCharge row) => row.IsExpired || (row.IsUnresolvable && !IsHeld(row));

    /// <summary>The amount of a row in a budget that counts it.</summary>
    public PicoDollars ChargeOf(BudgetKey key, RowCharge row) =>
        IsExpired(row) ? PicoDollars.Zero
        : row.Charge + (CountsByok(key) ? row.UpstreamCost : PicoDollars.Zero);

    /// <summary>The amount of the rows of a budget.</summary>
    public PicoDollars ChargeOf(BudgetKey key, TeamCharges charges) =>
        charges.Charged + (CountsByok(key) ? charges.UpstreamCost : PicoDollars.Zero);

    /// <summary>A bill as a budget counts it.</summary>
    public PicoDollars ChargeOf(BudgetKey key, Usage bill) => bill.Charge(CountsByok(key));

    private bool CountsByok(BudgetKey key)
    {
        var team = teamOf(key.Team);
        return team?.BudgetOf(key.KeyLabel)?.IncludesByok ?? true;
    }
}
