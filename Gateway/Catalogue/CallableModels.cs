using System.Buffers;
using Gateway.Admission;
using Gateway.Authentication;
using Gateway.Configuration;
using Gateway.Configuration.ReverseProxy;
using Gateway.Pricing;
using Gateway.Routing;
using Gateway.Teams;
using Microsoft.Extensions.Primitives;
using OpenRouterGateway.Transforms.Json;
using OpenRouterGateway.Transforms.ProviderMapping;
using OpenRouterGateway.Transforms.RequestBody;

namespace Gateway.Catalogue;

/// <summary>
/// Decides whether a team may call the models of a list. Judges a request to the list's endpoint that names only the model, with the code
/// that judges requests, so that the list agrees with the calls: the endpoint's openness, aliases, model rights, server tools of presets and
/// enforced rules.
/// </summary>
internal sealed class CallableModels
{
    private static readonly TeamEndpoint Chat = TeamEndpoints.Find("/chat/completions", out _)!;

    private readonly SettingsSnapshot _snapshot;
    private readonly Team _team;
    private readonly TeamEndpoint? _endpoint;

    private CallableModels(SettingsSnapshot snapshot, Team team, TeamEndpoint? endpoint, bool isRewritten)
    {
        _snapshot = snapshot;
        _team = team;
        _endpoint = endpoint;
        IsRewritten = isRewritten;
    }

    /// <summary>Whether the calls are rewritten. If not, aliases have no effect on them.</summary>
    public bool IsRewritten { get; }

    /// <summary>The models that a team may call in a chat.</summary>
    public static CallableModels InChat(SettingsSnapshot snapshot, Team team) => new(snapshot, team, Chat, isRewritten: true);

    /// <summary>The models of a list that a team may call.</summary>
    /// <param name="snapshot">The settings.</param>
    /// <param name="team">The team, as its key sees it.</param>
    /// <param name="list">The endpoint of the list.</param>
    /// <param name="path">
    /// The path of the request for it. The calls of a list of one kind have the path before <c>/models</c>, whose route decides whether they are
    /// open to the team.
    /// </param>
    public static CallableModels Of(SettingsSnapshot snapshot, Team team, TeamEndpoint list, PathString path)
    {
        var endpoint = TeamEndpoints.Find(list.CalledAt, out _)!;
        var asked = path.Value.AsSpan().TrimEnd('/');
        if (endpoint == Chat || !asked.EndsWith(TeamEndpoint.Models, StringComparison.OrdinalIgnoreCase))
        {
            return new(snapshot, team, endpoint, isRewritten: true);
        }

        PathString called = asked[..^TeamEndpoint.Models.Length].ToString();
        var route = RewrittenRoutes.Find(snapshot.Routes, called) is { } found ? RouteFacts.Of(found) : null;
        var isOpen = route is not null && EndpointGate.Judge(team, route, HttpMethods.Post, called).Endpoint == endpoint;
        return new(snapshot, team, isOpen ? endpoint : null, route is { IsRewritten: true });
    }

    /// <summary>Whether a call that names the model would not be refused: its endpoint is open, and rights and enforced rules allow it.</summary>
    public bool MayCall(string model)
    {
        // The endpoint of a route that is not rewritten is open only to teams whose rights have no limits.
        if (_endpoint is not { } endpoint || !IsRewritten)
        {
            return _endpoint is not null;
        }

        byte[] body = [.. "{\"model\":"u8, .. JsonText.Quote(model), (byte)'}'];
        var settings = _snapshot.Settings;
        return RequestBodyCheck.TryCheck(body, routeLimit: null, settings.Server.MaxRequestBodySize, static _ => false, out var facts, out _)
            && _team.Rules.Decide(facts, new ReadOnlySequence<byte>(body), RequestEndpoints.Of(endpoint.Path), Review, _team).Rejection is null;

        RequestReview Review(Team team, RequestReviewContext reviewed) =>
            RequestJudge.Judge(team, endpoint, settings.Limits, PriceList.Empty, StringValues.Empty, reviewed).Review;
    }
}
