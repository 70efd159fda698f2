using Gateway.Configuration.Model;
using Gateway.Errors;
using Gateway.Pricing;
using Gateway.Teams;
using Microsoft.Extensions.Primitives;
using OpenRouterGateway.Transforms.ProviderMapping;

namespace Gateway.Admission;

/// <summary>
/// Judges a team's request by its body: checks the team's rights to the models, estimates the cost, and determines the additional rule and
/// edit of the body. Pure: the request path and <c>explain</c> run the same code.
/// </summary>
internal static class RequestJudge
{
    /// <summary>Judges a request with a valid body, before the rules are applied.</summary>
    /// <param name="team">The calling team.</param>
    /// <param name="endpoint">The endpoint.</param>
    /// <param name="limits">The section <c>Limits</c>.</param>
    /// <param name="prices">The current prices.</param>
    /// <param name="session">The client's header <see cref="SessionScope.Header"/>; read only for a team that scopes its sessions.</param>
    /// <param name="reviewed">The request.</param>
    public static RequestVerdict Judge(
        Team team, TeamEndpoint endpoint, LimitsSettings limits, PriceList prices, StringValues session, in RequestReviewContext reviewed)
    {
        var names = reviewed.Models.Names;
        if (team.Rights.Refuse(names, reviewed.Facts.Presets) is { } refused)
        {
            return new RequestVerdict(new RequestReview(GatewayError.ModelNotAllowed(refused).ToRejection()));
        }

        var size = RequestMeasure.Of(endpoint, limits, reviewed);
        var amount = ReservationEstimate.Find(names, reviewed.Models.NamesPreset, prices, size, out var dearest);
        ProviderRule? ceiling = null;
        if (limits.WriteMaxPrice && team.Budget is not null && amount is not null && reviewed.Endpoint != RequestEndpoint.Images)
        {
            // The ceiling allows any of the models at the highest price of each part, so the reservation uses these prices.
            amount = ReservationEstimate.Estimate(dearest, size);
            ceiling = PriceCeiling.RuleFor(dearest);
        }

        var (scoped, edit) = team.ScopesSessions ? SessionScope.Apply(team.Id, session, reviewed) : default;
        return new RequestVerdict(new RequestReview(null, ceiling, edit))
        {
            Cost = new RequestCost(
                ReservationEstimate.EstimateTokens(size),
                amount,
                PromptTokens: ReservationEstimate.EstimateTokens(size with { StatedOutputTokens = 0 })),
            Session = scoped,
            Size = size,
            Price = dearest,
        };
    }

    /// <summary>Whether a call is refused because its price is unknown, so that its cost cannot be reserved in the team's budget.</summary>
    public static bool IsPriceMissing(Team team, LimitsSettings limits, RequestCost cost) =>
        team.Budget is not null && cost.Cost is null && !limits.AllowUnknownPrices;
}
