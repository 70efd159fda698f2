using System.Globalization;
using Gateway.Alerts;
using Gateway.Authentication;
using Gateway.Billing;
using Gateway.Configuration.Model;
using Gateway.Errors;
using Gateway.Ledger;
using Gateway.Limits;
using Gateway.Metering;
using Gateway.Observability;
using Gateway.Pricing;
using Gateway.Primitives;
using Gateway.Requests;
using Gateway.Teams;
using OpenRouterGateway.Transforms.ProviderMapping;

namespace Gateway.Admission;

/// <summary>
/// Admits a metered request. Charges its rate-limit lease and acquires, in order, a budget reservation and a durable ledger row; if a step
/// fails, everything acquired so far is released, the lease included.
/// </summary>
internal sealed partial class AdmissionController
{
    private readonly IBudgetStore _budgets;
    private readonly ILedger _ledger;
    private readonly AlertSignals _alerts;
    private readonly GatewayMetrics _metrics;
    private readonly TimeProvider _time;
    private readonly ILogger<AdmissionController> _logger;

    public AdmissionController(
        IBudgetStore budgets,
        ILedger ledger,
        AlertSignals alerts,
        GatewayMetrics metrics,
        TimeProvider time,
        ILogger<AdmissionController> logger)
    {
        _budgets = budgets;
        _ledger = ledger;
        _alerts = alerts;
        _metrics = metrics;
        _time = time;
        _logger = logger;
    }

    /// <summary>Admits or refuses one attempt at a call.</summary>
    public async ValueTask<AdmissionDecision> AdmitAsync(AdmissionRequest request)
    {
        var now = _time.GetUtcNow();
        var call = new MeteredCall(_budgets, _ledger, _time, request.StartedAt, _logger)
        {
            Id = TimeOrderedId.Create(now),
            Reserved = request.Cost.Reserved,
        };
        var (team, settings) = (request.Caller.Team, request.Snapshot.Settings);
        LimitResult? limits = null;
        var (ofTeam, ofKey) = ((BudgetResult?)null, (BudgetResult?)null);
        var isAdmitted = false;
        try
        {
            if (request is { Lease: { } charged, IsLeaseCharged: true })
            {
                call.TakeChargedLease(charged, request.Cost.PromptTokens);
            }
            else if (request.Lease is { } lease)
            {
                try
                {
                    limits = await call.TakeLeaseAsync(lease, request.Cost.Tokens, request.Cost.PromptTokens);
                    if (limits.RefusedBy is not null)
                    {
                        return Refused(limits, GatewayError.RateLimited(limits));
                    }
                }
                catch (LimitStoreException fault)
                {
                    if (LimitFailurePolicy.Apply(fault, settings.Limits, request.RequestId, _logger) is { } refusal)
                    {
                        return Refused(limits, refusal);
                    }
                }
            }

            if (team.HasBudget)
            {
                if (RequestJudge.IsPriceMissing(team, settings.Limits, request.Cost))
                {
                    return Refused(limits, GatewayError.PriceUnknown);
                }

                (ofTeam, var refusal) = await ReserveAsync(call, null, team.Budget, request, now);
                if (refusal is null)
                {
                    (ofKey, refusal) = await ReserveAsync(call, request.Caller.Key.Label, team.KeyBudget, request, now);
                }

                if (refusal is not null)
                {
                    return Refused(limits, refusal);
                }
            }

            var row = RowOf(call, request, now);
            try
            {
                await call.BeginAsync(row);
            }
            catch (LedgerException fault)
            {
                Log.LedgerUnavailable(_logger, fault.Message, settings.Usage.WhenStoreFails, request.RequestId);
                if (WhenLedgerFails(settings.Usage) is { } error)
                {
                    return Refused(limits, error);
                }

                call.BeginDeferred(row);
            }

            isAdmitted = true;
            LogAdmitted(request, limits, ofTeam, ofKey);
            return new AdmissionDecision(limits, call, null);
        }
        finally
        {
            if (!isAdmitted)
            {
                await call.CancelAsync();
            }
        }
    }

    /// <summary>Admits or refuses the first attempt at a request's call.</summary>
    public ValueTask<AdmissionDecision> AdmitAsync(GatewayContext request, IProviderMappingFeature? mapping) =>
        AdmitAsync(RequestOf(request, mapping, isLeaseCharged: false));

    /// <summary>
    /// Ends an attempt that upstream has surely not billed, and admits the next one, which reserves anew. The lease is kept, since the limits
    /// count requests and not attempts.
    /// </summary>
    /// <param name="request">The request, whose record of the admission is replaced.</param>
    /// <param name="mapping">The facts and the decision about the body; <see langword="null"/> if the body was not read.</param>
    /// <param name="isUnsent">Whether upstream has not processed the attempt; otherwise it has answered with a status that costs nothing.</param>
    /// <returns>The error if the next attempt is refused.</returns>
    public async ValueTask<GatewayError?> ReadmitAsync(GatewayContext request, IProviderMappingFeature? mapping, bool isUnsent)
    {
        var (limits, call) = request.Admission;
        await using (call)
        {
            if (call!.DetachLease() is { } lease)
            {
                request.HoldLease(lease);
            }

            if (isUnsent)
            {
                call.Unsent();
            }

            await call.EndedAsync(isUnsent ? RequestEnd.UpstreamUnreachable : RequestEnd.Dropped);
            if (call.Settlement is { } settlement)
            {
                _metrics.Settled(settlement.Decision.State);
            }
        }

        var decision = await AdmitAsync(RequestOf(request, mapping, isLeaseCharged: true));
        request.RenewAdmission(new AdmissionRecord(limits, decision.Call));
        return decision.Error;
    }

    /// <summary>Judges the answer of a budget's store. Pure: <c>explain</c> runs the same code.</summary>
    /// <returns>The error, also for a budget that only reports; <see langword="null"/> if the amount is granted.</returns>
    public static GatewayError? Judge(TeamBudget budget, BudgetKey key, in RequestCost cost, in BudgetResult result) => result.IsGranted
        ? null
        : GatewayError.OverBudget(
            new BudgetShortfall(cost.Reserved, budget.Limit, result.Charged, result.Reserved, key.End) { IsOfKey = key.KeyLabel is not null }, cost.Basis, cost.ToolCost);

    /// <summary>The refusal of a call whose row cannot be written. Pure: <c>explain</c> runs the same code.</summary>
    /// <returns>The error; <see langword="null"/> if the call goes on, and its row is written later.</returns>
    public static GatewayError? WhenLedgerFails(UsageSettings settings) =>
        settings.WhenStoreFails == FailurePolicy.Refuse ? GatewayError.UsageUnavailable : null;

    /// <summary>Reserves the amount of a call in the budget of its team or of its key.</summary>
    /// <returns>
    /// The answer of the store, and the error if the request is refused. A refused call releases its reservation in the other budget.
    /// </returns>
    private async ValueTask<(BudgetResult? Result, GatewayError? Error)> ReserveAsync(
        MeteredCall call, string? keyLabel, TeamBudget? budget, AdmissionRequest request, DateTimeOffset now)
    {
        if (budget is null)
        {
            return default;
        }

        try
        {
            var (team, key) = (request.Caller.Team.Id, BudgetKey.At(request.Caller.Team.Id, budget.Period, now, keyLabel));
            var result = await call.ReserveAsync(key, budget.Limit, budget.IncludesByok);
            if (Judge(budget, key, request.Cost, result) is { } error)
            {
                var isRefused = budget.WhenExceeded == ExceededPolicy.Refuse;
                if (error.Code == GatewayError.BudgetExceeded.Code)
                {
                    _alerts.BudgetExceeded(request.Snapshot, key, budget.Limit, result.Charged - result.Reserved, isRefused, now);
                }

                if (isRefused)
                {
                    return (result, error);
                }

                Log.BudgetExceeded(_logger, error.Code, team, error.Message, request.RequestId);
                _metrics.RequestRefused(error.Code, team);
                result = await call.ReserveAsync(key, PicoDollars.MaxStored, budget.IncludesByok);
            }

            return (result, null);
        }
        catch (LimitStoreException fault)
        {
            var policy = request.Snapshot.Settings.Limits.WhenStoreFails.Budgets;
            Log.BudgetsUnavailable(_logger, fault.Message, policy, request.RequestId);
            return (null, policy == FailurePolicy.Refuse ? GatewayError.BudgetUnavailable : null);
        }
    }

    private void LogAdmitted(in AdmissionRequest request, LimitResult? limits, BudgetResult? ofTeam, BudgetResult? ofKey)
    {
        if (_logger.IsEnabled(LogLevel.Debug))
        {
            var team = request.Caller.Team;
            PhaseLog.CallAdmitted(
                _logger,
                request.Cost.Reserved.ToString(),
                request.Cost.Tokens,
                limits is null ? "none" : $"{Left(limits.Requests)} requests and {Left(limits.Tokens)} tokens left",
                ofTeam is null && ofKey is null ? "none" : $"{Charged(ofTeam, team.Budget, "")}{Charged(ofKey, team.KeyBudget, ofTeam is null ? "key " : ", key ")}",
                request.RequestId);
        }

        static string Charged(BudgetResult? result, TeamBudget? budget, string prefix) =>
            result is { } one ? $"{prefix}{one.Charged} of {budget!.Limit} USD charged" : "";

        static string Left(LimitLevel? level) =>
            level is { } one ? string.Create(CultureInfo.InvariantCulture, $"{one.Remaining} of {one.Limit}") : "any";
    }

    private static AdmissionRequest RequestOf(GatewayContext request, IProviderMappingFeature? mapping, bool isLeaseCharged) => new(
        request.RequestId,
        request.StartedAt,
        request.Snapshot,
        request.Caller.Identity!,
        request.Caller.Endpoint!,
        request.TakeLease(),
        isLeaseCharged,
        request.Body.Cost,
        mapping);

    private static AdmissionDecision Refused(LimitResult? limits, GatewayError error) => new(limits, null, error);

    private static LedgerEntry.Began RowOf(MeteredCall call, in AdmissionRequest request, DateTimeOffset now) => new(call.Id)
    {
        StartedAt = now,
        RequestId = request.RequestId,
        Team = request.Caller.Team.Id,
        KeyLabel = request.Caller.Key.Label,
        Rule = request.Mapping?.Decision.AppliedRules,
        SettingsVersion = request.Snapshot.Version,
        Endpoint = request.Endpoint.Path,
        AskedModel = KeyText.Hide(request.Mapping?.Facts.RequestedModel),
        SentModel = KeyText.Hide(request.Mapping?.Decision.SentModel),
        Streams = request.Mapping?.Facts.Streams ?? false,
        Reserved = call.Reserved,
        IsCounted = call.IsCounted,
    };

    // The stores log their outages; a line for each request would repeat them a thousand times a second.
    private static partial class Log
    {
        [LoggerMessage(LogEvents.BudgetsUnavailable, LogLevel.Debug, "The budget store failed: {Fault}; policy {Policy}. Request {RequestId}")]
        public static partial void BudgetsUnavailable(ILogger logger, string fault, FailurePolicy policy, string requestId);

        [LoggerMessage(
            LogEvents.BudgetExceeded, LogLevel.Warning, "{Code} for team {Team}, whose budget only reports: {Reason} Request {RequestId}")]
        public static partial void BudgetExceeded(ILogger logger, string code, string team, string reason, string requestId);

        [LoggerMessage(LogEvents.LedgerUnavailable, LogLevel.Debug, "The ledger cannot be written: {Fault}; policy {Policy}. Request {RequestId}")]
        public static partial void LedgerUnavailable(ILogger logger, string fault, FailurePolicy policy, string requestId);
    }
}
