using OpenRouterGateway.Transforms.RequestBody;

namespace OpenRouterGateway.Transforms.ProviderMapping;

/// <summary>What is known of a request once its body was read: found in the features of the <c>HttpContext</c> behind the step.</summary>
public interface IProviderMappingFeature
{
    /// <summary>Which kind of endpoint the request is for.</summary>
    RequestEndpoint Endpoint { get; }

    /// <summary>What the scan of the body found.</summary>
    BodyFacts Facts { get; }

    /// <summary>What the rules decided.</summary>
    ProviderMappingDecision Decision { get; }
}
