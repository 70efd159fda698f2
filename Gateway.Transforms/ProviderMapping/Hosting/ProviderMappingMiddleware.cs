using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;
using OpenRouterGateway.Transforms.RequestBody;

namespace OpenRouterGateway.Transforms.ProviderMapping.Hosting;

/// <summary>
/// Reads the body of a route with the transform, applies the rules, and holds the body's bytes until they have been sent.
/// </summary>
/// <remarks>
/// This is a middleware and not part of the transform for three reasons: YARP converts an exception of a read inside a transform to a 502,
/// a route's size limit does not apply there, and the decision is needed before a destination is chosen.
/// </remarks>
internal sealed class ProviderMappingMiddleware
{
    private readonly RequestDelegate _next;
    private readonly ProviderMappingOptions _options;
    private readonly RequestBodyMemory _memory;
    private readonly RouteRuleSets _routes;

    public ProviderMappingMiddleware(
        RequestDelegate next, IOptions<ProviderMappingOptions> options, RequestBodyMemory memory, RuleSetResolver ruleSets)
    {
        _next = next;
        _options = options.Value;
        _memory = memory;
        _routes = new RouteRuleSets(ruleSets);
    }

    public Task InvokeAsync(HttpContext context)
    {
        var route = context.GetReverseProxyFeature().Route.Config;
        return _routes.Find(route) is { } rules && !IsMultipart(context.Request)
            ? InvokeCoreAsync(context, rules, route.MaxRequestBodySize)
            : _next(context);
    }

    private async Task InvokeCoreAsync(HttpContext context, Func<HttpContext, ProviderMappingRules> rules, long? routeLimit)
    {
        var body = new BodyBuffer(_memory);
        ProviderMappingFeature? feature = null;
        try
        {
            var maxSize = RequestBodyCheck.MaxSize(routeLimit, _options.MaxRequestBodySize(context));
            var result = await RequestBodyReader.ReadAsync(context.Request, body, _memory, maxSize, _options.RequestBodyOwner);
            if (result.IsRejected)
            {
                // The body is released before the response: other uploads may be waiting, and this client may read its response slowly.
                body.Release();
                await _options.OnRejected(context, result.Rejection);
                return;
            }

            var endpoint = RequestEndpoints.Of(context.Request.Path);
            var decision = rules(context).Decide(result.Facts, body.Bytes, endpoint, _options.Review, context);
            feature = new ProviderMappingFeature(endpoint, body, result.WasDecoded, result.Facts, decision);
            context.Features.Set<IProviderMappingFeature>(feature);
            if (decision.Rejection is not null)
            {
                body.Release();
                await _options.OnRejected(context, decision.Rejection);
                return;
            }

            await _next(context);
        }
        finally
        {
            feature?.Dispose();
            body.Release();
        }
    }

    // multipart is the only non-JSON body on these paths, and it is streamed. Every other body is parsed as JSON, whatever its
    // Content-Type.
    private static bool IsMultipart(HttpRequest request) =>
        request.ContentType is { } type && type.AsSpan().TrimStart().StartsWith("multipart/", StringComparison.OrdinalIgnoreCase);
}
