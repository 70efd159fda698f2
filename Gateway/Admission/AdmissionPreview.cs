using Gateway.Billing;
using Gateway.Configuration.Model;
using Gateway.Errors;
using Gateway.Limits;
using Gateway.Pricing;
using Gateway.Primitives;
using Gateway.Teams;

namespace Gateway.Admission;

/// <summary>
/// Previews for <c>explain</c> the decision of limits and budgets about a request at the moment, in the order of
/// <see cref="Authentication.LimitGate"/> and <see cref="AdmissionController"/>. Counts and reserves nothing.
/// </summary>
/// <param name="limits">The limits; <see langword="null"/> if they are not known, which leaves them out.</param>
/// <param name="budgets">
/// The levels of the budgets; <see langword="null"/> if they are not known, which leaves them out: a request that needs more than a whole budget is
/// refused all the same.
/// </param>
/// <param name="time">The clock.</param>
internal sealed class AdmissionPreview(ILimitPreview? limits, IBudgetPreview? budgets, TimeProvider time)
{
    /// <summary>Whether the ledger refuses rows at the moment; by default it is not known to.</summary>
    public Func<bool> IsLedgerFailing { get; init; } = static () => false;

    /// <summary>The refusal by a limit of requests in flight; <see langword="null"/> for none.</summary>
    public async ValueTask<GatewayError?> EnterAsync(IReadOnlyList<LimitScope> scopes, LimitsSettings settings)
    {
        if (limits is null || scopes.Count == 0)
        {
            return null;
        }

        try
        {
            return await limits.PreviewEntryAsync(scopes) is { } refusal ? GatewayError.RateLimited(refusal) : null;
        }
        catch (LimitStoreException)
        {
            return WhenLimitsFail(settings);
        }
    }

    /// <summary>The decision about a request with a valid body.</summary>
    /// <param name="team">
    /// The team of a metered call, as its key sees it; <see langword="null"/> for a catalogue call, which uses neither tokens nor money.
    /// </param>
    /// <param name="keyLabel">The label of the key.</param>
    /// <param name="scopes">The limits of the request.</param>
    /// <param name="settings">The settings.</param>
    /// <param name="cost">The estimated use.</param>
    public async ValueTask<AdmissionForecast> AdmitAsync(
        Team? team, string? keyLabel, IReadOnlyList<LimitScope> scopes, GatewaySettings settings, RequestCost cost)
    {
        var forecast = await AdmitAsync(team, keyLabel, scopes, settings.Limits, cost);
        return team is not null && forecast.Error is null && IsLedgerFailing()
            ? forecast with { Error = AdmissionController.WhenLedgerFails(settings.Usage) }
            : forecast;
    }

    private async ValueTask<AdmissionForecast> AdmitAsync(
        Team? team, string? keyLabel, IReadOnlyList<LimitScope> scopes, LimitsSettings settings, RequestCost cost)
    {
        LimitResult? levels = null;
        if (limits is not null && scopes.Count > 0)
        {
            try
            {
                levels = await limits.PreviewChargeAsync(scopes, cost.Tokens);
                if (levels.RefusedBy is not null)
                {
                    return new(GatewayError.RateLimited(levels)) { Limits = levels };
                }
            }
            catch (LimitStoreException)
            {
                if (WhenLimitsFail(settings) is { } error)
                {
                    return new(error);
                }
            }
        }

        if (team is not { HasBudget: true })
        {
            return new(Error: null) { Limits = levels };
        }

        if (RequestJudge.IsPriceMissing(team, settings, cost))
        {
            return new(GatewayError.PriceUnknown) { Limits = levels };
        }

        var forecast = new AdmissionForecast(Error: null) { Limits = levels };
        forecast = await AddAsync(forecast, team, null, team.Budget, settings, cost);
        return forecast.Error is null ? await AddAsync(forecast, team, keyLabel, team.KeyBudget, settings, cost) : forecast;
    }

    /// <summary>Adds the level of a budget, and the error of one that does not cover the request.</summary>
    private async ValueTask<AdmissionForecast> AddAsync(
        AdmissionForecast forecast, Team team, string? keyLabel, TeamBudget? budget, LimitsSettings settings, RequestCost cost)
    {
        if (budget is null)
        {
            return forecast;
        }

        try
        {
            var key = BudgetKey.At(team.Id, budget.Period, time.GetUtcNow(), keyLabel);
            var result = budgets is null
                ? new BudgetResult(false, PicoDollars.Zero).For(cost.Reserved, budget.Limit)
                : await budgets.PreviewAsync(key, budget.Limit, cost.Reserved);
            var error = AdmissionController.Judge(budget, key, cost, result);
            var isRefused = budget.WhenExceeded == ExceededPolicy.Refuse;
            return forecast with
            {
                Error = isRefused ? error : null,
                Budgets = budgets is null ? [] : [.. forecast.Budgets, new BudgetForecast(budget, key, result)],
                Reported = isRefused ? forecast.Reported : forecast.Reported ?? error,
            };
        }
        catch (LimitStoreException)
        {
            return forecast with { Error = settings.WhenStoreFails.Budgets == FailurePolicy.Refuse ? GatewayError.BudgetUnavailable : null };
        }
    }

    private static GatewayError? WhenLimitsFail(LimitsSettings settings) =>
        settings.WhenStoreFails.Limits == FailurePolicy.Refuse ? GatewayError.LimitsUnavailable : null;
}
