using System.Buffers;
using OpenRouterGateway.Transforms.RequestBody;

namespace OpenRouterGateway.Transforms.ProviderMapping;

/// <summary>A request whose body was read and is sound, for the host's say about it. Good for the duration of the call only.</summary>
/// <param name="Facts">What the scan of the body found.</param>
/// <param name="Body">The body; its memory is given back once it was sent.</param>
/// <param name="Endpoint">Which kind of endpoint the request is for.</param>
/// <param name="Models">The models that it names, aliases applied.</param>
internal readonly record struct RequestReviewContext(
    BodyFacts Facts, ReadOnlySequence<byte> Body, RequestEndpoint Endpoint, EffectiveModels Models);
