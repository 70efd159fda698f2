using Yarp.ReverseProxy.Transforms;

namespace OpenRouterGateway.Transforms.ProviderMapping.Hosting;

/// <summary>Sends the body that the step has read, with the decision's edits spliced in and an exact Content-Length.</summary>
internal sealed class ProviderMappingTransform : RequestTransform
{
    public static ProviderMappingTransform Instance { get; } = new();

    public override ValueTask ApplyAsync(RequestTransformContext context)
    {
        // Nothing was read of multipart bodies; they stream through. Without a Content YARP has found no body to send.
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

            // The body is here: waiting for an upstream that does not answer "100 Continue" would cost a second.
            context.ProxyRequest.Headers.ExpectContinue = null;
        }

        return default;
    }
}
