namespace Soak.Chaos.Clients;

/// <summary>The outcome of a call for the caller of an SDK.</summary>
internal sealed record SdkOutcome
{
    /// <summary>The number of requests that the SDK has sent.</summary>
    public required int Tries { get; init; }

    /// <summary>The text of a response that the SDK takes for whole; <see langword="null"/> after an error.</summary>
    public string? Text { get; init; }

    /// <summary>The type of the error; <see langword="null"/> without one.</summary>
    public string? Error { get; init; }

    /// <summary>Whether the error is one that the SDK has for calls that fail.</summary>
    public bool IsOwnError { get; init; }

    public string? Message { get; init; }

    /// <summary>Describes the outcome for messages.</summary>
    public string Describe() => Error is null ? $"the text \"{Text}\"" : $"{Error}: {Message}";
}
