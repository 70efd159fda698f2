using Gateway.Billing;
using Gateway.Limits;
using Gateway.Primitives;

namespace Gateway.Metering;

// The call's reservations: in the budget of its team, and in that of its key.
internal sealed partial class MeteredCall
{
    private BudgetReservation _teamBudget;
    private BudgetReservation _keyBudget;

    /// <summary>Whether the budgets' counters include the reservation. Also true without a budget.</summary>
    public bool IsCounted => _teamBudget.IsCounted && _keyBudget.IsCounted;

    /// <summary>Whether the provider's own amount is part of the charge that is reported: in the team's budget, or else in the key's.</summary>
    private bool IncludesByok => _teamBudget.Exists ? _teamBudget.IncludesByok : _keyBudget.IncludesByok;

    /// <summary>Reserves the amount <see cref="Reserved"/> in a period of the team's or of the key's budget.</summary>
    /// <param name="budget">The period.</param>
    /// <param name="limit">The limit.</param>
    /// <param name="includesByok">Whether the budget counts the provider's own amount.</param>
    /// <returns>The result of the store: whether the budget covers the amount, and the amounts that it counts.</returns>
    /// <exception cref="LimitStoreException">
    /// The store failed. If the call proceeds, its charge is added to the counter without a reservation.
    /// </exception>
    public async ValueTask<BudgetResult> ReserveAsync(BudgetKey budget, PicoDollars limit, bool includesByok)
    {
        ReservationIn(budget) = new BudgetReservation(budget, includesByok) { MayBeReserved = true };
        try
        {
            var result = await _budgets.ReserveAsync(budget, limit, Id, Reserved);
            ReservationIn(budget) = new BudgetReservation(budget, includesByok) { IsReserved = result.IsGranted, MayBeReserved = result.IsGranted };
            return result;
        }
        catch (LimitStoreException fault)
        {
            ReservationIn(budget).MayBeReserved = fault.MayHaveTakenEffect;
            throw;
        }
    }

    private ref BudgetReservation ReservationIn(BudgetKey budget) => ref budget.KeyLabel is null ? ref _teamBudget : ref _keyBudget;

    /// <summary>Releases the reservations of a refused call.</summary>
    /// <returns>Whether the counters no longer have them, or will not have them.</returns>
    private async ValueTask<bool> ReleaseBudgetsAsync()
    {
        var isReleased = await SettleBudgetsAsync(
            _teamBudget.IsReserved ? _teamBudget.Charge(PicoDollars.Zero) : null, _keyBudget.IsReserved ? _keyBudget.Charge(PicoDollars.Zero) : null);
        ReleaseUnknown(_teamBudget);
        ReleaseUnknown(_keyBudget);
        return isReleased;

        void ReleaseUnknown(in BudgetReservation reservation)
        {
            if (reservation.IsUnknown)
            {
                _budgets.Release(reservation.Key, Id);
            }
        }
    }

    /// <summary>Settles the reservations.</summary>
    /// <returns>Whether the charge is counted. If not, the row says so, and the reconciler corrects the counters from it.</returns>
    private ValueTask<bool> SettleBudgetsAsync(SettlementDecision decision, in CallOutcome outcome)
    {
        var bill = outcome.WasSent ? outcome.Bill : null;
        return SettleBudgetsAsync(ChargeIn(_teamBudget), ChargeIn(_keyBudget));

        BudgetCharge? ChargeIn(in BudgetReservation reservation) =>
            reservation.Charge(bill is { } known ? known.Charge(reservation.IncludesByok) : decision.Charge);
    }

    private async ValueTask<bool> SettleBudgetsAsync(BudgetCharge? team, BudgetCharge? key)
    {
        if (team is null && key is null)
        {
            return true;
        }

        var (isCounted, fault) = await BudgetSettlement.SettleAsync(_budgets, Id, Reserved, team, key);
        if (fault is not null)
        {
            Log.CallNotReleased(_logger, "reservation", Id, fault);
        }

        return isCounted;
    }

    /// <summary>Holds an amount until the bill is known, in place of the reservations, or without one.</summary>
    /// <param name="amount">The amount.</param>
    /// <returns>Whether the amount is counted.</returns>
    private async ValueTask<bool> HoldBudgetsAsync(PicoDollars amount)
    {
        var isCounted = await HoldBudgetAsync(_teamBudget, amount);
        return await HoldBudgetAsync(_keyBudget, amount) && isCounted;
    }

#pragma warning disable CA1031 // Any exception of a store: the other resources of the call are released all the same.
    private async ValueTask<bool> HoldBudgetAsync(BudgetReservation reservation, PicoDollars amount)
    {
        if (reservation.IsUnknown)
        {
            // The late reply to the reservation is undone, and would take the held amount with it. The reconciler adds
            // the amount once the row is closed.
            return false;
        }

        if (!reservation.Exists || (amount == Reserved && reservation.IsReserved))
        {
            return reservation.IsCounted;
        }

        try
        {
            return await _budgets.HoldAsync(reservation.Key, Id, amount, reservation.IsReserved);
        }
        catch (Exception fault)
        {
            Log.CallNotReleased(_logger, "reservation", Id, fault);
            return reservation.IsReserved;
        }
    }
#pragma warning restore CA1031
}
