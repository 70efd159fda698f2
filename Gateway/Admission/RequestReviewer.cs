using Gateway.Prices;
using Gateway.Requests;
using OpenRouterGateway.Transforms.ProviderMapping;

namespace Gateway.Admission;

/// <summary>Runs <see cref="RequestJudge"/> after a body was scanned and before the rules are applied, and records its verdict.</summary>
internal sealed class RequestReviewer(PriceListStore prices)
{
    /// <summary>Judges a request. A request without a team passes.</summary>
    public RequestReview Review(HttpContext context, RequestReviewContext reviewed)
    {
        var request = GatewayContext.Of(context);
        if (request.Team is not { } team)
        {
            return default;
        }

        var snapshot = request.Snapshot;
        var session = team.ScopesSessions ? context.Request.Headers[SessionScope.Header] : default;
        var verdict = RequestJudge.Judge(
            team, request.Caller.Endpoint!, snapshot.Settings.Limits, prices.For(snapshot), session, reviewed);
        request.Body = new RequestBodyRecord(
            verdict.Cost, verdict.Session, verdict.Tools.RemovedNames, verdict.Tools.ReportedNames);
        if (verdict.Review.Rejection is null && verdict.Cost.Cost is null && team.HasBudget)
        {
            prices.AskSoon();
        }

        return verdict.Review;
    }
}
