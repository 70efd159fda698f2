using System.Buffers;
using OpenRouterGateway.Transforms.RequestBody;

namespace OpenRouterGateway.Transforms.ProviderMapping;

/// <summary>A request with a valid body, for review by the host. Valid only during the call.</summary>
/// <param name="Facts">The facts about the body.</param>
/// <param name="Body">The body. Its memory is released when it has been sent.</param>
/// <param name="Endpoint">The kind of endpoint.</param>
/// <param name="Models">The models that the request names, after aliases.</param>
/// <param name="Known">See <see cref="Requested"/>; <see langword="null"/> if there are no enforced rules.</param>
/// <param name="Closed">The server tools that enforced rules close. A tool that the host does not remove is refused.</param>
/// <param name="RulesAddFastTier">Whether the rules may add the tag of a provider's fast tier to the request.</param>
internal readonly record struct RequestReviewContext(
    BodyFacts Facts,
    ReadOnlySequence<byte> Body,
    RequestEndpoint Endpoint,
    EffectiveModels Models,
    RequestedModels? Known,
    IReadOnlyList<ClosedServerTool> Closed,
    bool RulesAddFastTier = false)
{
    /// <summary>The same models together with those of server tools, and the server tools. Found on each access.</summary>
    public RequestedModels Requested => Known ?? RequestedModels.Create(Models.Names, Facts);
}
