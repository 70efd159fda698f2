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
using Yarp.ReverseProxy.Configuration;

namespace Gateway.Reports;

/// <summary>
/// Explains the handling of a POST with a JSON body. Calls the decision functions of the request pipeline, in their order, and makes no
/// decision of its own.
/// </summary>
internal static class RequestExplainer
{
    /// <summary>Explains a request without the current levels of limits and budgets.</summary>
    /// <param name="snapshot">The settings.</param>
    /// <param name="team">The team that sends the request; <see langword="null"/> for a client without a team.</param>
    /// <param name="prices">The current prices; <see langword="null"/> leaves the price out of the verdict.</param>
    /// <param name="path">The request's path.</param>
    /// <param name="body">The request's body.</param>
    public static RequestExplanation Explain(
        SettingsSnapshot snapshot, Team? team, PriceList? prices, PathString path, ReadOnlyMemory<byte> body)
    {
        var request = new ExplainedRequest(snapshot, team, path, body);
        var (explanation, endpoint) = FindEndpoint(request);
        explanation = explanation.Error is null ? ExplainBody(explanation, request, endpoint, prices) : explanation;
        return explanation is { Error: null, Estimate.Cost: var cost } && RequestJudge.IsPriceMissing(team!, snapshot.Settings.Limits, cost)
            ? explanation with { Error = GatewayError.PriceUnknown, SentBody = null }
            : explanation;
    }

    /// <summary>Explains a request with the levels of limits and budgets.</summary>
    /// <param name="request">The request.</param>
    /// <param name="prices">The current prices; <see langword="null"/> leaves the price and the budget out of the verdict.</param>
    /// <param name="preview">The levels.</param>
    /// <param name="now">The current time, at which the key may have expired.</param>
    /// <param name="availability">
    /// Returns the error for a route whose destinations are all unavailable; <see langword="null"/> if that is not known.
    /// </param>
    public static async ValueTask<RequestExplanation> ExplainAsync(
        ExplainedRequest request,
        PriceList? prices,
        AdmissionPreview preview,
        DateTimeOffset now,
        Func<RouteConfig, GatewayError?>? availability = null)
    {
        if (request.Key?.Expires <= now)
        {
            return new RequestExplanation(request.Path, ErrorDialects.Of(request.Path)) { Error = GatewayError.UnknownKey };
        }

        var limits = request.Snapshot.Settings.Limits;
        var (explanation, endpoint) = FindEndpoint(request);
        if (explanation.Error is not null)
        {
            return explanation;
        }

        IReadOnlyList<LimitScope> scopes = endpoint is null ? [] : EndpointGate.ScopesOf(endpoint, request.Caller!);
        if ((await preview.EnterAsync(scopes, limits) ?? availability?.Invoke(explanation.Route!)) is { } refusal)
        {
            return explanation with { Error = refusal };
        }

        explanation = ExplainBody(explanation, request, endpoint, prices);
        if (explanation.Error is not null || endpoint is null || (prices is null && endpoint.IsMetered))
        {
            return explanation;
        }

        var metered = endpoint.IsMetered ? request.Team : null;
        var forecast = await preview.AdmitAsync(metered, request.Key?.Label, scopes, limits, explanation.Estimate?.Cost ?? default);
        return explanation with
        {
            Forecast = forecast,
            Error = forecast.Error,
            SentBody = forecast.Error is null ? explanation.SentBody : null,
        };
    }

    /// <summary>Finds the route and the endpoint; without an endpoint, the explanation has an error or there is no team.</summary>
    private static (RequestExplanation Explanation, TeamEndpoint? Endpoint) FindEndpoint(ExplainedRequest request)
    {
        var (path, team) = (request.Path, request.Team);
        if (RequestPaths.IsAmbiguous(path) || RewrittenRoutes.Find(request.Snapshot.Routes, path) is not { } route)
        {
            return (new RequestExplanation(path, ErrorDialects.Of(path)) { Error = GatewayError.NotFound }, null);
        }

        var facts = RouteFacts.Of(route);
        var explanation = new RequestExplanation(path, facts.DialectOf(path)) { Route = route, Team = team };
        var target = team is null ? default : EndpointGate.Judge(team, facts, HttpMethods.Post, path);
        return team is not null && target.Endpoint is null
            ? (explanation with { Error = GatewayError.EndpointNotAllowed }, null)
            : (explanation, target.Endpoint);
    }

    private static RequestExplanation ExplainBody(
        RequestExplanation explanation, ExplainedRequest request, TeamEndpoint? endpoint, PriceList? prices)
    {
        var (snapshot, body) = (request.Snapshot, request.Body);
        if (!RouteFacts.Of(explanation.Route!).IsRewritten)
        {
            return explanation with { SentBody = body };
        }

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

        return explanation with
        {
            Estimate = verdict is not null && prices is not null && endpoint is { IsMetered: true } ? RequestEstimate.Of(verdict.Value) : null,
            SentBody = mapping.Decision.ApplyTo(body),
        };

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
