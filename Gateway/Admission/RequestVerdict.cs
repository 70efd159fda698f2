using Gateway.Pricing;
using OpenRouterGateway.Transforms.ProviderMapping;

namespace Gateway.Admission;

/// <summary>The team's verdict on a request whose body was read.</summary>
/// <param name="Review">The refusal, or the additional rule and edit, for the rules to include.</param>
/// <param name="Cost">The estimated use; the default when the request is refused.</param>
/// <param name="Session">The session for upstream's header; <see langword="null"/> leaves the client's header.</param>
internal readonly record struct RequestVerdict(RequestReview Review, RequestCost Cost, string? Session);
