using Yarp.ReverseProxy.Transforms;

namespace OpenRouterGateway.Transforms.ProviderMapping.Hosting;

/// <summary>Sends the body that the middleware has read, with the decision's edits and an exact Content-Length.</summary>
internal sealed class ProviderMappingTransform : RequestTransform
{
    public static ProviderMappingTransform Instance { get; } = new();

    public override ValueTask ApplyAsync(RequestTransformContext context)
    {
        // If Content is null, YARP found no body to send.
        if (context.HttpContext.Features.Get<IProviderMappingFeature>() is ProviderMappingFeature feature
            && context.ProxyRequest.Content is { } content)
        {
            if (!feature.IsKept)
            {
                context.HttpContext.Request.Body = feature.OpenBody();
            }

            content.Headers.ContentLength = feature.SentLength;
            if (feature.WasDecoded)
            {
                content.Headers.ContentEncoding.Clear();
            }

            // The body is complete, so there is no need to wait for "100 Continue": an upstream that does not send it would cost a second.
            context.ProxyRequest.Headers.ExpectContinue = null;
        }

        return default;
    }
}
