namespace Soak.Chaos.Clients;

/// <summary>A call of an SDK, its outcome and the events around it.</summary>
internal sealed record SdkReport
{
    public required string Sdk { get; init; }

    public required SdkCall Call { get; init; }

    /// <summary>The outcome; <see langword="null"/> if the caller gave up waiting.</summary>
    public SdkOutcome? Outcome { get; init; }

    public required TimeSpan Took { get; init; }

    /// <summary>Whether the gateway was killed meanwhile, or a destination was down or left alone.</summary>
    public required bool IsExcused { get; init; }

    /// <summary>Whether the SDK returned a response.</summary>
    public bool IsSuccess => Outcome?.Text is not null;
}
