using System.Buffers;
using Gateway.Errors;
using Gateway.Routing;
using Microsoft.AspNetCore.Http.Features;

namespace Gateway.Browsers;

/// <summary>
/// The Preflight phase. Answers all CORS preflights, regardless of path and method, and forwards none. A preflight has no key, so it is
/// answered without one; the request that follows it needs one. A page can read a 404 of that request only if its preflight has succeeded:
/// https://fetch.spec.whatwg.org/#cors-preflight-fetch.
/// </summary>
internal sealed class PreflightMiddleware
{
    /// <summary>The longest list of header names that is allowed, in characters. The SDKs ask for some 300.</summary>
    internal const int LongestList = 4096;

    private const string Methods = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";

    // A day, in seconds. Browsers shorten it to their own limit.
    private const string MaxAge = "86400";

    private static readonly SearchValues<char> ListCharacters = SearchValues.Create(
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-.^_`|~, \t");

    private readonly RequestDelegate _next;

    public PreflightMiddleware(RequestDelegate next) => _next = next;

    public Task InvokeAsync(HttpContext context)
    {
        if (!CorsPreflight.IsRequested(context))
        {
            return _next(context);
        }

        if (context.Features.Get<IHttpRequestBodyDetectionFeature>() is { CanHaveBody: true })
        {
            return ErrorMiddleware.RefuseAsync(context, GatewayError.PreflightBody);
        }

        Answer(context);
        return Task.CompletedTask;
    }

    private static void Answer(HttpContext context)
    {
        var response = context.Response;
        response.StatusCode = StatusCodes.Status204NoContent;
        GatewayResponseHeaders.Apply(context);
        response.Headers.AccessControlAllowMethods = Methods;
        response.Headers.AccessControlMaxAge = MaxAge;
        response.Headers.Vary = "Origin, Access-Control-Request-Method, Access-Control-Request-Headers";

        // The list is echoed: browsers do not count Authorization as allowed by a wildcard. A list that no browser sends is left out.
        var requested = context.Request.Headers.AccessControlRequestHeaders.ToString();
        if (requested.Length is > 0 and <= LongestList && !requested.AsSpan().ContainsAnyExcept(ListCharacters))
        {
            response.Headers.AccessControlAllowHeaders = requested;
        }
    }
}
