using Gateway.Configuration;
using Gateway.Configuration.ReverseProxy;
using Gateway.Errors;
using Gateway.Ledger;
using Gateway.Requests;
using Gateway.Routing;
using Gateway.Teams;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Net.Http.Headers;
using Yarp.ReverseProxy.Configuration;

namespace Gateway.Authentication;

/// <summary>
/// The Team phase: who is calling, and is what they ask for open to them? Headers only, so that a stranger costs no body. Without teams
/// the caller's own key goes upstream, and the phase only asks that there is one.
/// </summary>
internal sealed class TeamMiddleware
{
    /// <summary>Where Anthropic's clients send their key.</summary>
    public const string ApiKeyHeader = "x-api-key";

    private const string Bearer = "Bearer ";

    private readonly RequestDelegate _next;
    private readonly SettingsStore _settings;
    private readonly TimeProvider _time;
    private readonly IGenerationOwnership _ownership;

    /// <summary>Creates the phase.</summary>
    /// <param name="next">What follows.</param>
    /// <param name="settings">The settings.</param>
    /// <param name="time">The clock that keys expire by.</param>
    /// <param name="ownership">Whose earlier calls are.</param>
    public TeamMiddleware(RequestDelegate next, SettingsStore settings, TimeProvider time, IGenerationOwnership ownership)
    {
        _next = next;
        _settings = settings;
        _time = time;
        _ownership = ownership;
    }

    public Task InvokeAsync(HttpContext context)
    {
        var gateway = GatewayContext.Of(context);
        var route = context.GetReverseProxyFeature().Route.Config;
        gateway.Snapshot = _settings.ForRoute(route);
        var teams = gateway.Snapshot.Teams;
        if (IsPreflight(context))
        {
            // With teams it goes without its credentials, of which it has none by rights.
            return teams.IsEmpty && HoldsGatewayKey(context.Request)
                ? ErrorMiddleware.RefuseAsync(context, GatewayError.UnknownKey)
                : _next(context);
        }

        if (teams.IsEmpty)
        {
            // A key of the gateway is nobody's upstream: not that of a team either that is no longer configured.
            return HoldsGatewayKey(context.Request) ? ErrorMiddleware.RefuseAsync(context, GatewayError.UnknownKey)
                : HasKey(context.Request) ? _next(context)
                : ErrorMiddleware.RefuseAsync(context, GatewayError.MissingKey);
        }

        if (!TryIdentify(context.Request, teams, out var team, out var key))
        {
            return ErrorMiddleware.RefuseAsync(context, HasKey(context.Request) ? GatewayError.UnknownKey : GatewayError.MissingKey);
        }

        (gateway.Team, gateway.TeamKey) = (team, key);
        return EnterAsync(context, gateway, route, team);
    }

    private Task EnterAsync(HttpContext context, GatewayContext gateway, RouteConfig route, Team team)
    {
        if (IsUpgrade(context)
            || UpstreamPath.Of(route, context.Request.Path) is not { HasValue: true } path
            || TeamEndpoints.Find(context.Request.Method, path.Value, out var id) is not { } endpoint
            || (endpoint.IsMetered && IsJudgedByItsBody(team) && !IsBodyRead(context.Request, route)))
        {
            return ErrorMiddleware.RefuseAsync(context, GatewayError.EndpointNotAllowed);
        }

        gateway.Endpoint = endpoint;
        gateway.JudgedPath = path;
        return endpoint.Kind == TeamEndpointKind.OwnCall
            ? EnterIfOwnAsync(context, team, id ?? IdInQuery(context.Request))
            : _next(context);
    }

    private async Task EnterIfOwnAsync(HttpContext context, Team team, string? id)
    {
        if (id is not null && await _ownership.OwnsAsync(team.Id, id))
        {
            await _next(context);
        }
        else
        {
            await ErrorMiddleware.RefuseAsync(context, GatewayError.UnknownCall);
        }
    }

    /// <summary>
    /// The id that a query asks for, if it asks for nothing else: of two ids, or of two spellings of the parameter, upstream might take
    /// the other one.
    /// </summary>
    private static string? IdInQuery(HttpRequest request) =>
        request.Query.Count == 1 && request.Query.TryGetValue("id", out var values) && values is [{ } id] && TeamEndpoints.IsId(id)
            ? id
            : null;

    private bool TryIdentify(HttpRequest request, TeamDirectory teams, out Team team, out TeamKey key)
    {
        foreach (var value in request.Headers.Authorization)
        {
            if (IsBearer(value) && IsGood(value.AsSpan(Bearer.Length).Trim(), out team, out key))
            {
                return true;
            }
        }

        foreach (var value in request.Headers[ApiKeyHeader])
        {
            if (IsGood(value.AsSpan().Trim(), out team, out key))
            {
                return true;
            }
        }

        (team, key) = (null!, null!);
        return false;

        bool IsGood(ReadOnlySpan<char> text, out Team team, out TeamKey key)
        {
            var isKnown = teams.TryFind(text, out var foundTeam, out var foundKey);
            (team, key) = (foundTeam!, foundKey!);
            return isKnown && !(key.Expires <= _time.GetUtcNow());
        }
    }

    private static bool HasKey(HttpRequest request)
    {
        foreach (var value in request.Headers.Authorization)
        {
            if (IsBearer(value) && !value.AsSpan(Bearer.Length).IsWhiteSpace())
            {
                return true;
            }
        }

        return request.Headers.TryGetValue(ApiKeyHeader, out var key) && !string.IsNullOrWhiteSpace(key.ToString());
    }

    private static bool IsBearer(string? value) => value is not null && value.StartsWith(Bearer, StringComparison.OrdinalIgnoreCase);

    private static bool HoldsGatewayKey(HttpRequest request)
    {
        foreach (var value in request.Headers.Authorization)
        {
            if (GatewayKeys.IsIn(value))
            {
                return true;
            }
        }

        foreach (var value in request.Headers[ApiKeyHeader])
        {
            if (GatewayKeys.IsIn(value))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Whether what a call may do depends on its body: on its model, or on what it will cost.</summary>
    private static bool IsJudgedByItsBody(Team team) => !team.Rights.IsUnlimited || team.Budget is not null;

    private static bool IsBodyRead(HttpRequest request, RouteConfig route)
    {
        if (!RewrittenRoutes.IsRewritten(route))
        {
            return false;
        }

        foreach (var type in request.Headers.ContentType)
        {
            if (type is not null && type.Contains("multipart/", StringComparison.OrdinalIgnoreCase))
            {
                return false;
            }
        }

        return true;
    }

    // A browser asks without credentials whether it may ask with them; upstream has the answer.
    private static bool IsPreflight(HttpContext context) =>
        HttpMethods.IsOptions(context.Request.Method)
        && context.Request.Headers.ContainsKey(HeaderNames.Origin)
        && context.Request.Headers.ContainsKey(HeaderNames.AccessControlRequestMethod)
        && !IsUpgrade(context);

    /// <summary>
    /// Whether the connection is to become something that nobody here can judge. Java's client offers h2c with every request and takes
    /// no for an answer.
    /// </summary>
    private static bool IsUpgrade(HttpContext context)
    {
        if (context.Features.Get<IHttpExtendedConnectFeature>() is { IsExtendedConnect: true })
        {
            return true;
        }

        if (context.Features.Get<IHttpUpgradeFeature>() is not { IsUpgradableRequest: true })
        {
            return false;
        }

        foreach (var value in context.Request.Headers.Upgrade)
        {
            if (value is not null && !value.AsSpan().Trim().Equals("h2c", StringComparison.OrdinalIgnoreCase))
            {
                return true;
            }
        }

        return false;
    }
}
