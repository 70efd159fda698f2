using Gateway.Errors;
using Gateway.Prices;
using Gateway.Pricing;
using Gateway.Requests;
using OpenRouterGateway.Transforms.ProviderMapping;

namespace Gateway.Admission;

/// <summary>
/// A team's say about a request whose body was just read: may it use these models, what will it probably cost, and what is to be written
/// into it beside the rules.
/// </summary>
internal sealed class RequestReviewer(PriceListStore prices)
{
    /// <summary>Judges a request; notes its <see cref="RequestCost"/> for the Admission phase.</summary>
    public RequestReview Review(HttpContext context, ReviewedRequest reviewed)
    {
        var request = GatewayContext.Of(context);
        if (request.Team is not { } team)
        {
            return default;
        }

        var names = reviewed.Models.Names;
        if (team.Rights.Refuse(names, reviewed.Facts.Presets) is { } refused)
        {
            return new RequestReview(GatewayError.ModelNotAllowed(refused).ToRejection());
        }

        var limits = request.Snapshot.Settings.Limits;
        var size = new RequestSize(
            reviewed.Facts.CountText(reviewed.Body),
            reviewed.Facts.Choices,

            // To some servers a cap of nothing, or below, means none.
            reviewed.Facts.MaxOutputTokens is > 0 and var cap ? cap : null,
            limits.AssumedCompletionTokens);
        var cost = ReservationEstimate.Find(
            names, reviewed.Models.NamesPreset, prices.For(request.Snapshot), size, out var dearest);
        if (cost is null && team.Budget is not null)
        {
            prices.AskSoon();
        }

        ProviderRule? ceiling = null;
        if (limits.WriteMaxPrice && team.Budget is not null && cost is not null && reviewed.Endpoint != RequestEndpoint.Images)
        {
            // Any of the models may now be served at the dearest price of each part, so that is what is set aside.
            cost = ReservationEstimate.Estimate(dearest, size);
            ceiling = PriceCeiling.RuleFor(dearest);
        }

        var (session, edit) = team.ScopesSessions
            ? SessionScope.Apply(team.Id, context.Request.Headers, reviewed)
            : default;
        request.RequestCost = new RequestCost(ReservationEstimate.EstimateTokens(size), cost, session);
        return new RequestReview(null, ceiling, edit);
    }
}
