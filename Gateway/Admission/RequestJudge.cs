using Gateway.Configuration.Model;
using Gateway.Errors;
using Gateway.Pricing;
using Gateway.Primitives;
using Gateway.Teams;
using Microsoft.Extensions.Primitives;
using OpenRouterGateway.Transforms.ProviderMapping;
using OpenRouterGateway.Transforms.RequestBody;

namespace Gateway.Admission;

/// <summary>
/// Judges a team's request by its body: checks the team's rights to server tools and models, estimates the cost, and determines the
/// additional rule and edits of the body. Pure: the request path and <c>explain</c> run the same code.
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
        var requested = reviewed.Requested;
        var tools = ServerToolJudge.Judge(team, requested.Tools, reviewed);
        if (tools.Error is { } closed)
        {
            return Refused(closed, tools);
        }

        requested = tools.Removal is { } removal ? requested.Without(removal) : requested;
        if (FindRefused(team, requested, reviewed) is { } refused)
        {
            return new(new RequestReview(refused)) { Tools = tools };
        }

        var size = RequestMeasure.Of(endpoint, limits, reviewed);
        var amount = ReservationEstimate.Find(PricedNames(requested, reviewed), reviewed.Models.NamesPreset, prices, size, out var dearest);
        ProviderRule? ceiling = null;
        if (limits.WriteMaxPrice && team.HasBudget && amount is { } most && reviewed.Endpoint != RequestEndpoint.Images)
        {
            // The ceiling allows any of the models at the highest price of each part, so the reservation covers these prices too.
            amount = PicoDollars.Max(most, ReservationEstimate.Estimate(dearest, size));
            ceiling = PriceCeiling.RuleFor(dearest);
        }

        // The highest amount that may be billed beside tokens: either a search at its price, or tools at the amount that stops them.
        var (hasTools, hasBudget) = (requested.Tools.Count > 0, team.HasBudget);
        var isBounded = hasTools && hasBudget && requested.Tools.Any(static tool => ServerToolRights.MayCostMore(tool.Name));
        var toolCost = hasTools && requested.Tools.Any(static tool => ServerToolRights.Searches(tool.Name))
            ? PicoDollars.Max(dearest.Search, ReservationEstimate.DearestSearch)
            : PicoDollars.Zero;
        if (isBounded || (hasBudget && size.Documents > 0))
        {
            toolCost = PicoDollars.Max(toolCost, team.ServerTools.MaxCost);
        }

        var stop = isBounded && endpoint.RunsServerTools
            ? StopCondition.Add(reviewed.Facts, reviewed.Body, team.ServerTools.MaxCost.ToString())
            : null;

        var (scoped, edit) = team.ScopesSessions ? SessionScope.Apply(team.Id, session, reviewed) : default;
        return new RequestVerdict(new RequestReview(null, ceiling, edit, tools.Removal, stop))
        {
            Cost = new RequestCost(
                ReservationEstimate.EstimateTokens(size),
                amount + toolCost,
                PromptTokens: ReservationEstimate.EstimateTokens(size with { StatedOutputTokens = 0 }))
            {
                ToolCost = toolCost,
                Basis = EstimateBasis.Of(size, dearest),
            },
            Session = scoped,
            Tools = tools,
            Size = size,
            Price = dearest,
        };
    }

    /// <summary>Whether a call is refused because its price is unknown, so that its cost cannot be reserved in the team's budget.</summary>
    public static bool IsPriceMissing(Team team, LimitsSettings limits, RequestCost cost) =>
        team.HasBudget && cost.Cost is null && !limits.AllowUnknownPrices;

    private static RequestVerdict Refused(GatewayError error, ServerToolVerdict tools) =>
        new(new RequestReview(error.ToRejection())) { Tools = tools };

    private static RequestRejection? FindRefused(Team team, in RequestedModels requested, in RequestReviewContext reviewed)
    {
        var rights = team.Rights;
        if (rights.IsUnlimited)
        {
            return null;
        }

        if (ModelNameCheck.Find(reviewed.Facts, reviewed.Body, requested) is { } unclear)
        {
            return unclear;
        }

        // The body's own names are checked by themselves, so that a tool's model does not stand in for a missing one. Neither does a
        // fallback, nor an earlier duplicate of a `model` or `preset` that is null.
        var presets = reviewed.Facts.Presets;
        var refused = rights.Refuse(requested.Names, presets)
            ?? (requested.All.Count > requested.Names.Count ? rights.Refuse(requested.All, presets) : null)
            ?? (reviewed.Models.Model is null && !reviewed.Models.NamesPreset ? rights.Refuse([], []) : null);
        return refused is null ? null : GatewayError.ModelNotAllowed(refused, team.Id, team.HasKeyRights).ToRejection();
    }

    // A request without a model has no price, regardless of the models that its tools and fallbacks name.
    private static IReadOnlyList<string> PricedNames(in RequestedModels requested, in RequestReviewContext reviewed) =>
        reviewed.Models.Model is null ? [] : requested.Ordinary;
}
