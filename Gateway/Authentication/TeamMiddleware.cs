using Gateway.Configuration;
using Gateway.Configuration.ReverseProxy;
using Gateway.Errors;
using Gateway.Ledger;
using Gateway.Observability;
using Gateway.Requests;
using Gateway.Routing;
using Gateway.Teams;

namespace Gateway.Authentication;

/// <summary>
/// The Team phase. Identifies the caller, checks that the endpoint is open to it, and counts the request as one of the team's and the key's
/// requests in flight. Reads headers only, so the body of an unknown caller is never read. Without teams the caller's own key is sent
/// upstream, and the phase only requires that a key is present.
/// </summary>
internal sealed class TeamMiddleware
{
    /// <summary>The header in which Anthropic's clients send their key.</summary>
    public const string ApiKeyHeader = "x-api-key";

    private const string Bearer = "Bearer ";

    private readonly RequestDelegate _next;
    private readonly SettingsStore _settings;
    private readonly TimeProvider _time;
    private readonly IGenerationOwnership _ownership;
    private readonly LimitGate _limits;
    private readonly ILogger<TeamMiddleware> _logger;

    public TeamMiddleware(
        RequestDelegate next,
        SettingsStore settings,
        TimeProvider time,
        IGenerationOwnership ownership,
        LimitGate limits,
        ILogger<TeamMiddleware> logger)
    {
        _logger = logger;
        _limits = limits;
        _next = next;
        _settings = settings;
        _time = time;
        _ownership = ownership;
    }

    public Task InvokeAsync(HttpContext context)
    {
        var gateway = GatewayContext.Of(context);
        var route = context.GetReverseProxyFeature().Route.Config;
        gateway.Route = new RouteRecord(_settings.ForRoute(route), RouteFacts.Of(route));
        var teams = gateway.Snapshot.Teams;
        if (teams.IsEmpty)
        {
            // A gateway key is never sent upstream, not even when its team is no longer configured.
            return HoldsGatewayKey(context.Request) ? ErrorMiddleware.RefuseAsync(context, GatewayError.UnknownKey)
                : !HasKey(context.Request) ? ErrorMiddleware.RefuseAsync(context, GatewayError.MissingKey)
                : EnterWithoutTeam(context, gateway);
        }

        return Identify(context.Request, teams) is { } caller
            ? EnterAsync(context, gateway, caller)
            : ErrorMiddleware.RefuseAsync(context, HasKey(context.Request) ? GatewayError.UnknownKey : GatewayError.MissingKey);
    }

    private Task EnterWithoutTeam(HttpContext context, GatewayContext gateway)
    {
        gateway.Caller = default;
        return ProtocolUpgrade.IsRequested(context) && IsRewritten(context, gateway)
            ? ErrorMiddleware.RefuseAsync(context, GatewayError.UpgradeRefused)
            : _next(context);
    }

    private Task EnterAsync(HttpContext context, GatewayContext gateway, CallerIdentity caller)
    {
        var request = context.Request;
        var isUpgrade = ProtocolUpgrade.IsRequested(context);
        if (isUpgrade && IsRewritten(context, gateway))
        {
            gateway.Caller = new CallerRecord(caller, null, default);
            return ErrorMiddleware.RefuseAsync(context, GatewayError.UpgradeRefused);
        }

        var target = isUpgrade
            ? default
            : EndpointGate.Judge(caller.Team, gateway.Route.Facts, request.Method, request.Path);
        gateway.Caller = new CallerRecord(caller, target.Endpoint, target.UpstreamPath);
        PhaseLog.CallerIdentified(_logger, caller.Team.Id, caller.Key.Label, target.Endpoint?.Path, gateway.RequestId);
        return target.Endpoint is not { } endpoint ? ErrorMiddleware.RefuseAsync(context, GatewayError.EndpointNotAllowed)
            : EndpointGate.ScopesOf(endpoint, caller) is { Count: > 0 } scopes ? EnterUnderLimitsAsync(context, gateway, target, scopes)
            : EnterOpenAsync(context, gateway, target);
    }

    private async Task EnterUnderLimitsAsync(HttpContext context, GatewayContext gateway, RouteTarget target, IReadOnlyList<LimitScope> scopes)
    {
        if (await _limits.EnterAsync(gateway, scopes) is { } refusal)
        {
            await ErrorMiddleware.RefuseAsync(context, refusal);
            return;
        }

        try
        {
            await EnterOpenAsync(context, gateway, target);
        }
        finally
        {
            // Has an effect on a metered call only if it has ended before its admission: its client left during the upload, or a phase failed.
            // On any other call, if its response has not come to its end.
            await gateway.EndLeaseAsync();
        }
    }

    private Task EnterOpenAsync(HttpContext context, GatewayContext gateway, in RouteTarget target) =>
        target.Endpoint!.Kind == TeamEndpointKind.OwnCall
            ? EnterIfOwnAsync(context, gateway, target.CallId ?? IdInQuery(context.Request))
            : _next(context);

    /// <summary>
    /// Lets a request for a call of the team's own pass. It is charged before the ledger is asked, because the question costs a write lock: a
    /// request for an unknown id counts, too.
    /// </summary>
    private async Task EnterIfOwnAsync(HttpContext context, GatewayContext gateway, string? id)
    {
        if (await _limits.ChargeAsync(gateway) is { } refusal)
        {
            await ErrorMiddleware.RefuseAsync(context, refusal);
        }
        else if (id is not null && await _ownership.OwnsAsync(gateway.Team!.Id, id))
        {
            await _next(context);
        }
        else
        {
            await ErrorMiddleware.RefuseAsync(context, GatewayError.UnknownCall);
        }
    }

    /// <summary>
    /// The id in a query that has no other parameter. With a second id or a second spelling of the parameter, upstream might use the other
    /// one.
    /// </summary>
    private static string? IdInQuery(HttpRequest request) =>
        request.Query.Count == 1 && request.Query.TryGetValue("id", out var values) && values is [{ } id] && TeamEndpoints.IsId(id)
            ? id
            : null;

    /// <summary>The caller with a known, unexpired key in one of the two headers; <see langword="null"/> if there is none.</summary>
    private CallerIdentity? Identify(HttpRequest request, TeamDirectory teams)
    {
        foreach (var value in request.Headers.Authorization)
        {
            if (IsBearer(value) && Find(value.AsSpan(Bearer.Length).Trim()) is { } caller)
            {
                return caller;
            }
        }

        foreach (var value in request.Headers[ApiKeyHeader])
        {
            if (Find(value.AsSpan().Trim()) is { } caller)
            {
                return caller;
            }
        }

        return null;

        CallerIdentity? Find(ReadOnlySpan<char> text) =>
            teams.TryFind(text, out var caller) && !(caller.Key.Expires <= _time.GetUtcNow()) ? caller : null;
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

    /// <summary>
    /// Whether a POST to the path of an upgrade would be rewritten: the messages of the other protocol would reach the same endpoint unread.
    /// </summary>
    private static bool IsRewritten(HttpContext context, GatewayContext gateway) =>
        RewrittenRoutes.Find(gateway.Snapshot.Routes, context.Request.Path) is { } route && RewrittenRoutes.IsRewritten(route);
}
