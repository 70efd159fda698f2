using OpenRouterGateway.Transforms.RequestBody;

namespace OpenRouterGateway.Transforms.ProviderMapping;

/// <summary>
/// The result of the provider mapping for a request, in <c>HttpContext.Features</c>. It is set after the body was read and found valid.
/// </summary>
public interface IProviderMappingFeature
{
    /// <summary>The kind of endpoint that the request is for.</summary>
    RequestEndpoint Endpoint { get; }

    /// <summary>The facts about the body.</summary>
    BodyFacts Facts { get; }

    /// <summary>The decision of the rules.</summary>
    ProviderMappingDecision Decision { get; }
}
