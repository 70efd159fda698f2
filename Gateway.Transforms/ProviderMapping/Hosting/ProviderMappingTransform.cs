using Yarp.ReverseProxy.Transforms;

namespace OpenRouterGateway.Transforms.ProviderMapping.Hosting;

/// <summary>Sends the body that the middleware has read, with the decision's edits and an exact Content-Length.</summary>
internal sealed class ProviderMappingTransform : RequestTransform
{
    public static ProviderMappingTransform Instance { get; } = new();

    public override ValueTask ApplyAsync(RequestTransformContext context)
    {
        // multipart bodies were not read and are streamed. Without Content, YARP has found no body to send.
        if (context.HttpContext.Features.Get<IProviderMappingFeature>() is ProviderMappingFeature feature
            && context.ProxyRequest.Content is { } content)
        {
            var body = feature.OpenBody();
            context.HttpContext.Request.Body = body;
            content.Headers.ContentLength = body.Length;
            if (feature.WasDecoded)
            {
                content.Headers.ContentEncoding.Clear();
            }

            // The body is complete: an upstream that does not answer "100 Continue" would cost a second.
            context.ProxyRequest.Headers.ExpectContinue = null;
        }

        return default;
    }
}
