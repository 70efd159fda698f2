using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;
using OpenRouterGateway.Transforms.ProviderMapping.Explaining;
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
    private static readonly RequestRejection Multipart =
        new(415, "unsupported_media_type", "The request body must be one JSON object; multipart/* is not accepted.");

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
        return _routes.Find(route) is not { } rules ? _next(context)
            : IsMultipart(context.Request) ? _options.OnRejected(context, Multipart)
            : InvokeCoreAsync(context, rules, route.MaxRequestBodySize);
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

            var endpoint = RequestEndpoints.Of(_options.EndpointPath(context));
            var decision = _options.Observer is { IsEnabled: true } observer
                ? Explain(context, rules(context), result.Facts, body, endpoint, observer)
                : rules(context).Decide(result.Facts, body.Bytes, endpoint, _options.Review, context);
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

    private ProviderMappingDecision Explain(
        HttpContext context, ProviderMappingRules rules, BodyFacts facts, BodyBuffer body, RequestEndpoint endpoint, IDecisionObserver observer)
    {
        var explanation = rules.Explain(facts, body.Bytes, endpoint, request => _options.Review(context, request));
        observer.Decided(context, explanation);
        return explanation.Decision;
    }

    // Upstream may read a body of such a type in another way than the rules did. Every other body is parsed as JSON, regardless of its
    // Content-Type. A type anywhere in a list or in a second line counts, since parsers differ in the one that they use.
    private static bool IsMultipart(HttpRequest request)
    {
        foreach (var type in request.Headers.ContentType)
        {
            if (type is not null && type.Contains("multipart/", StringComparison.OrdinalIgnoreCase))
            {
                return true;
            }
        }

        return false;
    }
}
