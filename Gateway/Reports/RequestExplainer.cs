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
        var (explanation, endpoint) = FindEndpoint(FindRoute(request));
        explanation = explanation.Error is null ? ExplainBody(explanation, request, endpoint, prices, gateway: null) : explanation;
        return explanation is { Error: null, Estimate.Cost: var cost } && RequestJudge.IsPriceMissing(team!, snapshot.Settings.Limits, cost)
            ? explanation with { Error = GatewayError.PriceUnknown, SentBody = null }
            : explanation;
    }

    /// <summary>Explains a request with the levels of limits and budgets.</summary>
    /// <param name="request">The request.</param>
    /// <param name="prices">The current prices; <see langword="null"/> leaves the price and the budget out of the verdict.</param>
    /// <param name="preview">The levels.</param>
    /// <param name="now">The current time, at which the key may have expired.</param>
    /// <param name="gateway">The state of the gateway that would get the request; <see langword="null"/> if it is not known.</param>
    public static async ValueTask<RequestExplanation> ExplainAsync(
        ExplainedRequest request,
        PriceList? prices,
        AdmissionPreview preview,
        DateTimeOffset now,
        GatewayState? gateway = null)
    {
        var explanation = FindRoute(request);
        if (explanation.Error is not null)
        {
            return explanation;
        }

        if (gateway?.IsFull() == true)
        {
            // The phase InFlight knows no route yet.
            return new RequestExplanation(request.Path, ErrorDialects.Of(request.Path)) { Route = explanation.Route, Error = GatewayError.ServerBusy };
        }

        if (request.Key?.Expires <= now)
        {
            return explanation with { Team = null, Error = GatewayError.UnknownKey };
        }

        var settings = request.Snapshot.Settings;
        (explanation, var endpoint) = FindEndpoint(explanation);
        if (explanation.Error is not null)
        {
            return explanation;
        }

        IReadOnlyList<LimitScope> scopes = endpoint is null ? [] : EndpointGate.ScopesOf(endpoint, request.Caller!);
        if ((await preview.EnterAsync(scopes, settings.Limits) ?? gateway?.Availability(explanation.Route!)) is { } refusal)
        {
            return explanation with { Error = refusal };
        }

        explanation = ExplainBody(explanation, request, endpoint, prices, gateway);
        if (explanation.Error is not null || endpoint is null || (prices is null && endpoint.IsMetered))
        {
            return explanation;
        }

        var metered = endpoint.IsMetered ? request.Team : null;
        var forecast = await preview.AdmitAsync(metered, request.Key?.Label, scopes, settings, explanation.Estimate?.Cost ?? default);
        return explanation with
        {
            Forecast = forecast,
            Error = forecast.Error,
            SentBody = forecast.Error is null ? explanation.SentBody : null,
        };
    }

    /// <summary>Finds the route; without one, the explanation has an error.</summary>
    private static RequestExplanation FindRoute(ExplainedRequest request)
    {
        var path = request.Path;
        var routes = request.Snapshot.Routes;
        if (RequestPaths.IsAmbiguous(path))
        {
            return new RequestExplanation(path, ErrorDialects.Of(path)) { Error = GatewayError.NotFound };
        }

        if (RewrittenRoutes.Find(routes, path) is { } route)
        {
            return new RequestExplanation(path, RouteFacts.Of(route).DialectOf(path)) { Route = route, Team = request.Team };
        }

        IReadOnlyList<string> methods = [.. RewrittenRoutes.OtherMethods(routes, path).Union(ProbePaths.MethodsOf(path), StringComparer.OrdinalIgnoreCase)];
        return new RequestExplanation(path, ErrorDialects.Of(path))
        {
            Error = methods.Count == 0 ? GatewayError.NotFound : GatewayError.MethodNotAllowed,
            OtherMethods = methods,
        };
    }

    /// <summary>Finds the endpoint of a route; without an endpoint, the explanation has an error or there is no team.</summary>
    private static (RequestExplanation Explanation, TeamEndpoint? Endpoint) FindEndpoint(RequestExplanation explanation)
    {
        if (explanation is not { Error: null, Team: { } team })
        {
            return (explanation, null);
        }

        var target = EndpointGate.Judge(team, RouteFacts.Of(explanation.Route!), HttpMethods.Post, explanation.Path);
        return target.Endpoint is null
            ? (explanation with { Error = GatewayError.EndpointNotAllowed }, null)
            : (explanation, target.Endpoint);
    }

    private static RequestExplanation ExplainBody(
        RequestExplanation explanation, ExplainedRequest request, TeamEndpoint? endpoint, PriceList? prices, GatewayState? gateway)
    {
        var (snapshot, body) = (request.Snapshot, request.Body);
        if (!RouteFacts.Of(explanation.Route!).IsRewritten)
        {
            return explanation with { SentBody = body };
        }

        var settings = snapshot.Settings;
        if (!RequestBodyCheck.TryCheck(
            body,
            explanation.Route!.MaxRequestBodySize,
            settings.Server.MaxRequestBodySize,
            length => gateway?.WouldRejectBody(explanation.Team?.Id, length) == true,
            out var facts,
            out var rejection))
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
