using OpenRouterGateway.Transforms.RequestBody;

namespace OpenRouterGateway.Transforms.ProviderMapping;

/// <summary>What the rules decided about one request. Immutable.</summary>
/// <param name="Edits">What to change in the body: in ascending order, not overlapping; empty when the body passes untouched.</param>
/// <param name="AppliedRules">
/// The names of the rules applied, or of the one that refused, joined by <c>", "</c> in the order of the set; <see langword="null"/>
/// when there is none.
/// </param>
/// <param name="SentModel">The model that goes upstream, after aliases; <see langword="null"/> when the request names none.</param>
/// <param name="Rejection">Why the request is refused, or <see langword="null"/>. A refused request has no edits.</param>
public sealed record ProviderMappingDecision(
    IReadOnlyList<BodyEdit> Edits, string? AppliedRules, string? SentModel, RequestRejection? Rejection)
{
    /// <summary>Nothing to change and nothing to say.</summary>
    public static ProviderMappingDecision Untouched { get; } = new([], null, null, null);

    /// <summary>The body with the edits applied, as one array; for explaining and testing, not for forwarding.</summary>
    /// <param name="body">The body as received.</param>
    public byte[] ApplyTo(ReadOnlyMemory<byte> body)
    {
        using var stream = new SplicedStream(new System.Buffers.ReadOnlySequence<byte>(body), Edits, static () => { });
        var spliced = new byte[stream.Length];
        stream.ReadExactly(spliced);
        return spliced;
    }
}
