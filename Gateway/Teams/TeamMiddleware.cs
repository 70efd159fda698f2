using Gateway.Configuration;
using Gateway.Errors;
using Microsoft.Net.Http.Headers;

namespace Gateway.Teams;

/// <summary>
/// The Team phase: who is calling? Headers only, so that a stranger costs no body. No teams are configured in this version, so the
/// caller's own key goes upstream, and the phase only asks that there is one.
/// </summary>
internal sealed class TeamMiddleware
{
    private const string ApiKeyHeader = "x-api-key";
    private const string Bearer = "Bearer ";

    private readonly RequestDelegate _next;
    private readonly SettingsStore _settings;

    public TeamMiddleware(RequestDelegate next, SettingsStore settings)
    {
        _next = next;
        _settings = settings;
    }

    public Task InvokeAsync(HttpContext context)
    {
        GatewayContext.Of(context).Snapshot = _settings.ForRoute(context.GetReverseProxyFeature().Route.Config);
        return HasKey(context.Request) || IsPreflight(context.Request)
            ? _next(context)
            : ErrorMiddleware.RefuseAsync(context, GatewayError.MissingKey);
    }

    private static bool HasKey(HttpRequest request)
    {
        foreach (var value in request.Headers.Authorization)
        {
            if (value is not null
                && value.StartsWith(Bearer, StringComparison.OrdinalIgnoreCase)
                && !value.AsSpan(Bearer.Length).IsWhiteSpace())
            {
                return true;
            }
        }

        return request.Headers.TryGetValue(ApiKeyHeader, out var key) && !string.IsNullOrWhiteSpace(key.ToString());
    }

    // A browser asks without credentials whether it may ask with them; upstream has the answer.
    private static bool IsPreflight(HttpRequest request) =>
        HttpMethods.IsOptions(request.Method)
        && request.Headers.ContainsKey(HeaderNames.Origin)
        && request.Headers.ContainsKey(HeaderNames.AccessControlRequestMethod);
}
