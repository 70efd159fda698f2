using Gateway.Pricing;
using OpenRouterGateway.Transforms.ProviderMapping;

namespace Gateway.Admission;

/// <summary>The verdict of <see cref="RequestJudge"/> on a team's request.</summary>
/// <param name="Review">The rejection, or the additional rule and edit to apply.</param>
internal readonly record struct RequestVerdict(RequestReview Review)
{
    /// <summary>The estimated use; the default if the request is rejected.</summary>
    public RequestCost Cost { get; init; }

    /// <summary>The value of the session header sent upstream; <see langword="null"/> leaves the client's header.</summary>
    public string? Session { get; init; }

    /// <summary>The verdict on the server tools.</summary>
    public ServerToolVerdict Tools { get; init; }

    /// <summary>The measures from which <see cref="Cost"/> was estimated.</summary>
    public RequestSize Size { get; init; }

    /// <summary>The highest price of each part over all models; the default if a price is unknown.</summary>
    public ModelPrice Price { get; init; }
}
