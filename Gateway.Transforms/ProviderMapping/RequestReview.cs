using OpenRouterGateway.Transforms.RequestBody;

namespace OpenRouterGateway.Transforms.ProviderMapping;

/// <summary>The result of a host's review of a request, before the rules are applied. The default has no objection.</summary>
/// <param name="Rejection">Why the request is refused, or <see langword="null"/>. It takes precedence over a refusal by a rule.</param>
/// <param name="Rule">A rule for this request only, or <see langword="null"/>. Its patterns are not matched; its mode must be
/// <see cref="WhenClientSetsProvider.Enforce"/>.</param>
/// <param name="Edit">An edit of the body outside of <c>model</c>, <c>models</c>, <c>fallbacks</c> and <c>provider</c>, or
/// <see langword="null"/>.</param>
internal readonly record struct RequestReview(RequestRejection? Rejection, ProviderRule? Rule = null, BodyEdit? Edit = null);
