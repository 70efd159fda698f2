using System.Buffers;
using OpenRouterGateway.Transforms.RequestBody;

namespace OpenRouterGateway.Transforms.ProviderMapping;

/// <summary>A request with a valid body, for review by the host. Valid only during the call.</summary>
/// <param name="Facts">The facts about the body.</param>
/// <param name="Body">The body. Its memory is released when it has been sent.</param>
/// <param name="Endpoint">The kind of endpoint.</param>
/// <param name="Models">The models that the request names, after aliases.</param>
internal readonly record struct RequestReviewContext(
    BodyFacts Facts, ReadOnlySequence<byte> Body, RequestEndpoint Endpoint, EffectiveModels Models);
