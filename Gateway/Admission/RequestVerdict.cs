using Gateway.Pricing;
using OpenRouterGateway.Transforms.ProviderMapping;

namespace Gateway.Admission;

/// <summary>The verdict of <see cref="RequestJudge"/> on a team's request.</summary>
/// <param name="Review">The rejection, or the additional rule and edit to apply.</param>
/// <param name="Cost">The estimated use; the default if the request is rejected.</param>
/// <param name="Session">The value of the session header sent upstream; <see langword="null"/> leaves the client's header.</param>
/// <param name="Tools">The verdict on the server tools.</param>
internal readonly record struct RequestVerdict(RequestReview Review, RequestCost Cost, string? Session, ServerToolVerdict Tools);
