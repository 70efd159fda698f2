using System.Diagnostics.CodeAnalysis;

namespace OpenRouterGateway.Transforms.RequestBody;

/// <summary>The result of reading a body: its facts, or a rejection.</summary>
internal readonly record struct RequestBodyResult
{
    public RequestBodyResult(BodyFacts facts, bool wasDecoded)
    {
        Facts = facts;
        WasDecoded = wasDecoded;
    }

    public RequestBodyResult(RequestRejection rejection) => Rejection = rejection;

    public BodyFacts? Facts { get; }

    public RequestRejection? Rejection { get; }

    public bool WasDecoded { get; }

    [MemberNotNullWhen(true, nameof(Rejection))]
    [MemberNotNullWhen(false, nameof(Facts))]
    public bool IsRejected => Rejection is not null;
}
