using System.Buffers;
using System.Text;
using Gateway.Tests.Support;
using OpenRouterGateway.Transforms.ProviderMapping;
using OpenRouterGateway.Transforms.ProviderMapping.Patterns;

namespace Gateway.Tests.Gateway.Admission;

/// <summary>Creates the context in which a host reviews a body, without aliases and rules.</summary>
internal static class ReviewedBody
{
    public static RequestReviewContext Create(string body, RequestEndpoint endpoint = RequestEndpoint.Generation)
    {
        var bytes = Encoding.UTF8.GetBytes(body);
        var facts = BodyScan.Facts(bytes);
        var models = EffectiveModels.Create([], new PatternIndex([]), facts, endpoint, new EditList(), trace: null);
        return new RequestReviewContext(facts, new ReadOnlySequence<byte>(bytes), endpoint, models, Known: null, Closed: []);
    }
}
