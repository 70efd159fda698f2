using System.Buffers;
using Gateway.Admission;
using Gateway.Authentication;
using Gateway.Configuration;
using Gateway.Configuration.ReverseProxy;
using Gateway.Errors;
using Gateway.Pricing;
using Gateway.Routing;
using Gateway.Teams;
using Microsoft.Extensions.Primitives;
using OpenRouterGateway.Transforms.ProviderMapping;
using OpenRouterGateway.Transforms.RequestBody;
using OpenRouterGateway.Transforms.RequestBody.Tools;

namespace Gateway.Reports;

/// <summary>
/// Explains the handling of a POST with a JSON body. Calls the decision functions of the request pipeline, in their order, and makes no
/// decision of its own. The current levels of limits and budgets are not part of the verdict.
/// </summary>
internal static class RequestExplainer
{
    /// <summary>Explains one request.</summary>
    /// <param name="snapshot">The settings.</param>
    /// <param name="team">The team that sends the request; <see langword="null"/> for a client without a team.</param>
    /// <param name="prices">The current prices; <see langword="null"/> leaves the price out of the verdict.</param>
    /// <param name="path">The request's path.</param>
    /// <param name="body">The request's body.</param>
    public static RequestExplanation Explain(
        SettingsSnapshot snapshot, Team? team, PriceList? prices, PathString path, ReadOnlyMemory<byte> body)
    {
        if (RequestPaths.IsAmbiguous(path) || RewrittenRoutes.Find(snapshot.Routes, path) is not { } route)
        {
            return new RequestExplanation(path, ErrorDialects.Of(path)) { Error = GatewayError.NotFound };
        }

        var facts = RouteFacts.Of(route);
        var explanation = new RequestExplanation(path, facts.DialectOf(path)) { Route = route, Team = team };
        var target = team is null ? default : EndpointGate.Judge(team, facts, HttpMethods.Post, path);
        if (team is not null && target.Endpoint is null)
        {
            return explanation with { Error = GatewayError.EndpointNotAllowed };
        }

        return facts.IsRewritten
            ? ExplainBody(explanation, snapshot, target.Endpoint, prices, body)
            : explanation with { SentBody = body };
    }

    private static RequestExplanation ExplainBody(
        RequestExplanation explanation, SettingsSnapshot snapshot, TeamEndpoint? endpoint, PriceList? prices, ReadOnlyMemory<byte> body)
    {
        var settings = snapshot.Settings;
        if (!RequestBodyCheck.TryCheck(
            body, explanation.Route!.MaxRequestBodySize, settings.Server.MaxRequestBodySize, out var facts, out var rejection))
        {
            return explanation with { Error = GatewayError.Rejected(rejection) };
        }

        var team = explanation.Team;
        RequestVerdict? verdict = null;
        IReadOnlyList<ServerToolUse> tools = [];
        IReadOnlyList<ClosedServerTool> closed = [];
        var mapping = (team?.Rules ?? snapshot.Rules).Explain(
            facts, new ReadOnlySequence<byte>(body), RequestEndpoints.Of(RouteFacts.Of(explanation.Route!).EndpointPathOf(explanation.Path)), Review);
        explanation = explanation with
        {
            Facts = facts,
            Mapping = mapping,
            AreRightsJudged = verdict is not null,
            ServerTools = [.. tools.Select(tool => ExplainedTool.Of(tool, team, closed, verdict?.Tools.Removal))],
        };
        if (mapping.Decision.Rejection is { } refusal)
        {
            return explanation with { Error = GatewayError.Rejected(refusal) };
        }

        if (verdict is not null && prices is not null && endpoint is { IsMetered: true })
        {
            explanation = explanation with { Estimate = RequestEstimate.Of(verdict.Value) };
        }

        return explanation.Estimate is { Cost: var cost } && RequestJudge.IsPriceMissing(team!, settings.Limits, cost)
            ? explanation with { Error = GatewayError.PriceUnknown }
            : explanation with { SentBody = mapping.Decision.ApplyTo(body) };

        RequestReview Review(RequestReviewContext reviewed)
        {
            verdict = team is null
                ? null
                : RequestJudge.Judge(team, endpoint!, settings.Limits, prices ?? PriceList.Empty, StringValues.Empty, reviewed);
            tools = reviewed.Requested.Tools;
            closed = reviewed.Closed;
            return verdict?.Review ?? default;
        }
    }
}
