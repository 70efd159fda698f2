using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;
using OpenRouterGateway.Transforms.RequestBody;

namespace OpenRouterGateway.Transforms.ProviderMapping;

/// <summary>
/// The step that reads the body of a route with the transform, decides about it, and holds its bytes until they were sent.
/// A step and not part of the transform, because an exception thrown by a read inside a transform becomes a 502, a route's size limit is
/// not in force there, and a decision is wanted before a destination is chosen.
/// </summary>
internal sealed class ProviderMappingMiddleware
{
    private readonly RequestDelegate _next;
    private readonly ProviderMappingOptions _options;
    private readonly RequestBodyMemory _memory;
    private readonly RoutesWithMapping _routes = new();

    public ProviderMappingMiddleware(RequestDelegate next, IOptions<ProviderMappingOptions> options, RequestBodyMemory memory)
    {
        _next = next;
        _options = options.Value;
        _memory = memory;
    }

    public Task InvokeAsync(HttpContext context)
    {
        var route = context.GetReverseProxyFeature().Route.Config;
        return _routes.Contains(route) && !IsMultipart(context.Request)
            ? InvokeCoreAsync(context, route.MaxRequestBodySize)
            : _next(context);
    }

    private async Task InvokeCoreAsync(HttpContext context, long? routeLimit)
    {
        var body = new BodyBuffer(_memory);
        ProviderMappingFeature? feature = null;
        try
        {
            var maxSize = RequestBodyCheck.MaxSize(routeLimit, _options.MaxRequestBodySize(context));
            var result = await RequestBodyReader.ReadAsync(context.Request, body, _memory, maxSize);
            if (result.IsRejected)
            {
                // Others may wait for its place longer than this client takes to read its answer.
                body.Release();
                await _options.OnRejected(context, result.Rejection);
                return;
            }

            var endpoint = RequestEndpoints.Of(context.Request.Path);
            var decision = _options.Rules(context).Decide(result.Facts, body.Bytes, endpoint, _options.Review, context);
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

    // multipart is the one kind of body on these paths that is not JSON: it streams through. Everything else is, whatever it says.
    private static bool IsMultipart(HttpRequest request) =>
        request.ContentType is { } type && type.AsSpan().TrimStart().StartsWith("multipart/", StringComparison.OrdinalIgnoreCase);
}
