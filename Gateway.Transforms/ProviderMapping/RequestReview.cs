using OpenRouterGateway.Transforms.RequestBody;

namespace OpenRouterGateway.Transforms.ProviderMapping;

/// <summary>What a host says about a request before the rules decide. The default lets it pass as it is.</summary>
/// <param name="Rejection">Why the request is refused, or <see langword="null"/>; it goes before any refusal of the rules.</param>
/// <param name="Rule">A rule for this request alone, which applies whatever its patterns are and whose mode must be
/// <see cref="WhenClientSetsProvider.Enforce"/>; or <see langword="null"/>.</param>
/// <param name="Edit">One more change of the body, outside of <c>model</c>, <c>models</c>, <c>fallbacks</c> and <c>provider</c>; or
/// <see langword="null"/>.</param>
internal readonly record struct RequestReview(RequestRejection? Rejection, ProviderRule? Rule = null, BodyEdit? Edit = null);
