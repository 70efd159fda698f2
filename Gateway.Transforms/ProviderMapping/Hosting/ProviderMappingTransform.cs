using System.Net.Http.Headers;
using Yarp.ReverseProxy.Transforms;

namespace OpenRouterGateway.Transforms.ProviderMapping.Hosting;

/// <summary>Sends the body that the middleware has read, with the decision's edits and an exact Content-Length.</summary>
internal sealed class ProviderMappingTransform : RequestTransform
{
    private static readonly string[] Digests = ["Content-MD5", "Digest", "Content-Digest", "Repr-Digest"];

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
            if (feature.WasDecoded || feature.Decision.Edits.Count > 0)
            {
                RemoveDigests(context.ProxyRequest.Headers);
                RemoveDigests(content.Headers);
            }

            if (feature.WasDecoded)
            {
                content.Headers.ContentEncoding.Clear();
            }

            // The body is complete, so there is no need to wait for "100 Continue": an upstream that does not send it would cost a second.
            context.ProxyRequest.Headers.ExpectContinue = null;
        }

        return default;
    }

    // They are those of the client's bytes. Headers.Remove throws for names of the other kind.
    private static void RemoveDigests(HttpHeaders headers)
    {
        foreach (var name in Digests)
        {
            if (headers.NonValidated.Contains(name))
            {
                headers.Remove(name);
            }
        }
    }
}
