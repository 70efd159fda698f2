using System.Buffers;
using OpenRouterGateway.Transforms.RequestBody;

namespace OpenRouterGateway.Transforms.ProviderMapping;

/// <summary>The decision of a rule set about one request. Immutable.</summary>
public sealed class ProviderMappingDecision
{
    /// <summary>Creates a decision.</summary>
    /// <param name="edits">The edits of the body in ascending order, not overlapping; empty if the body is forwarded unchanged.</param>
    /// <param name="appliedRules">See <see cref="AppliedRules"/>.</param>
    /// <param name="sentModel">See <see cref="SentModel"/>.</param>
    /// <param name="rejection">See <see cref="Rejection"/>. A rejected request has no edits.</param>
    internal ProviderMappingDecision(
        IReadOnlyList<BodyEdit> edits, string? appliedRules, string? sentModel, RequestRejection? rejection)
    {
        Edits = edits;
        AppliedRules = appliedRules;
        SentModel = sentModel;
        Rejection = rejection;
    }

    /// <summary>
    /// The names of the rules that were applied, or of the one that refused the request, joined by <c>", "</c> in the order of the set;
    /// <see langword="null"/> if there are none.
    /// </summary>
    public string? AppliedRules { get; }

    /// <summary>The model that is sent upstream, after aliases; <see langword="null"/> if the request names none.</summary>
    public string? SentModel { get; }

    /// <summary>Why the request is rejected; <see langword="null"/> if it is forwarded.</summary>
    public RequestRejection? Rejection { get; }

    /// <summary>The edits of the body in ascending order, not overlapping.</summary>
    internal IReadOnlyList<BodyEdit> Edits { get; }

    /// <summary>The body with the edits applied, as one array; for explanations and tests.</summary>
    /// <param name="body">The body as received.</param>
    internal byte[] ApplyTo(ReadOnlyMemory<byte> body)
    {
        using var stream = new SplicedStream(new ReadOnlySequence<byte>(body), Edits, static () => { });
        var spliced = new byte[stream.Length];
        stream.ReadExactly(spliced);
        return spliced;
    }
}
