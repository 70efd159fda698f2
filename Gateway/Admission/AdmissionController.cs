using Gateway.Billing;
using Gateway.Configuration.Model;
using Gateway.Errors;
using Gateway.Ledger;
using Gateway.Limits;
using Gateway.Primitives;
using Gateway.Requests;
using OpenRouterGateway.Transforms.ProviderMapping;

namespace Gateway.Admission;

/// <summary>
/// Lets calls in: limits first, then the budget, then the ledger's row, which is durable before upstream sees a byte. What is refused on
/// the way gives back what it has taken.
/// </summary>
internal sealed partial class AdmissionController
{
    private readonly ILimitStore _limits;
    private readonly IBudgetStore _budgets;
    private readonly ILedger _ledger;
    private readonly TimeProvider _time;
    private readonly ILogger<AdmissionController> _logger;

    public AdmissionController(ILimitStore limits, IBudgetStore budgets, ILedger ledger, TimeProvider time, ILogger<AdmissionController> logger)
    {
        _limits = limits;
        _budgets = budgets;
        _ledger = ledger;
        _time = time;
        _logger = logger;
    }

    /// <summary>Decides about a call of a team to a metered endpoint.</summary>
    public async ValueTask<AdmissionDecision> AdmitAsync(HttpContext context)
    {
        var request = GatewayContext.Of(context);
        var team = request.Team!;
        var settings = request.Snapshot.Settings;
        var now = _time.GetUtcNow();
        var id = Guid.CreateVersion7(now);

        ILimitLease? lease = null;
        if (request.TeamKey!.ScopesIn(team) is { Count: > 0 } scopes)
        {
            try
            {
                var result = await _limits.TakeAsync(new LimitRequest(id, scopes, request.RequestCost?.Tokens ?? 0));
                request.LimitResult = result;
                lease = result.Lease;
                if (lease is null)
                {
                    return new AdmissionDecision.Refused(GatewayError.RateLimited(result.RetryAfter));
                }
            }
            catch (LimitStoreException fault)
            {
                Log.LimitsUnavailable(_logger, fault.Message, settings.Limits.WhenStoreFails.Limits, request.RequestId);
                if (settings.Limits.WhenStoreFails.Limits == FailurePolicy.Refuse)
                {
                    return new AdmissionDecision.Refused(GatewayError.LimitsUnavailable);
                }
            }
        }

        var amount = request.RequestCost?.Cost ?? PicoDollars.Zero;
        BudgetKey? budget = null;
        var isCounted = false;
        if (team.Budget is { } limit)
        {
            if (request.RequestCost?.Cost is null && !settings.Limits.AllowUnknownPrices)
            {
                await CancelAsync(lease);
                return new AdmissionDecision.Refused(GatewayError.PriceUnknown);
            }

            budget = BudgetKey.At(team.Id, limit.Period, now);
            try
            {
                isCounted = (await _budgets.ReserveAsync(budget.Value, limit.Limit, id, amount)).IsGranted;
                if (!isCounted)
                {
                    await CancelAsync(lease);
                    return new AdmissionDecision.Refused(GatewayError.BudgetExceeded);
                }
            }
            catch (LimitStoreException fault)
            {
                Log.BudgetsUnavailable(_logger, fault.Message, settings.Limits.WhenStoreFails.Budgets, request.RequestId);
                if (settings.Limits.WhenStoreFails.Budgets == FailurePolicy.Refuse)
                {
                    await CancelAsync(lease);
                    return new AdmissionDecision.Refused(GatewayError.BudgetUnavailable);
                }
            }
        }

        var entry = Begin(context, request, id, now, amount, budget is null || isCounted);
        var isPosted = false;
        try
        {
            await _ledger.WriteAsync(entry);
        }
        catch (LedgerException fault)
        {
            Log.LedgerUnavailable(_logger, fault.Message, settings.Usage.WhenStoreFails, request.RequestId);
            if (settings.Usage.WhenStoreFails == FailurePolicy.Refuse)
            {
                await CancelAsync(lease);
                if (isCounted)
                {
                    await _budgets.SettleAsync(budget!.Value, id, amount, PicoDollars.Zero, isCounted: true);
                }

                // A commit whose answer was lost is a commit: should the row be there, it cost nothing.
                _ledger.Post(new LedgerEntry.Ended(id)
                {
                    State = GenerationState.Settled,
                    End = RequestEnd.Refused.ToWord(),
                    Usage = new Usage { Cost = PicoDollars.Zero },
                    EndedAt = now,
                    ClosedAt = now,
                });
                return new AdmissionDecision.Refused(GatewayError.UsageUnavailable);
            }

            isPosted = true;
            _ledger.Post(entry);
        }

        return new AdmissionDecision.Granted(new Reservation(_budgets, _ledger, _time)
        {
            Id = id,
            Team = team,
            SentModel = entry.SentModel,
            Amount = amount,
            Budget = budget,
            IsCounted = isCounted,
            Lease = lease,
            IsPosted = isPosted,
        });
    }

    private static LedgerEntry.Began Begin(
        HttpContext context, GatewayContext request, Guid id, DateTimeOffset now, PicoDollars amount, bool isCounted)
    {
        var mapping = context.Features.Get<IProviderMappingFeature>();
        return new LedgerEntry.Began(id)
        {
            StartedAt = now,
            Team = request.Team!.Id,
            KeyLabel = request.TeamKey!.Label,
            Rule = mapping?.Decision.AppliedRules,
            SettingsVersion = request.Snapshot.Version,
            Endpoint = request.Endpoint!.Path,
            AskedModel = mapping?.Facts.RequestedModel,
            SentModel = mapping?.Decision.SentModel,
            Streams = mapping?.Facts.Streams ?? false,
            Reserved = amount,
            IsCounted = isCounted,
        };
    }

    private static ValueTask CancelAsync(ILimitLease? lease) => lease?.CancelAsync() ?? default;

    private static partial class Log
    {
        [LoggerMessage(LogEvents.LimitsUnavailable, LogLevel.Warning, "Limits cannot be counted: {Fault}; policy {Policy}. Request {RequestId}")]
        public static partial void LimitsUnavailable(ILogger logger, string fault, FailurePolicy policy, string requestId);

        [LoggerMessage(LogEvents.BudgetsUnavailable, LogLevel.Warning, "Budgets cannot be counted: {Fault}; policy {Policy}. Request {RequestId}")]
        public static partial void BudgetsUnavailable(ILogger logger, string fault, FailurePolicy policy, string requestId);

        [LoggerMessage(LogEvents.LedgerUnavailable, LogLevel.Error, "The ledger cannot be written: {Fault}; policy {Policy}. Request {RequestId}")]
        public static partial void LedgerUnavailable(ILogger logger, string fault, FailurePolicy policy, string requestId);
    }
}
