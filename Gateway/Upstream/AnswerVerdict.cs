namespace Gateway.Upstream;

/// <summary>The verdict on the status of a response by its beginning.</summary>
/// <param name="IsDecided">Whether there is a decision. Otherwise more of the response has to arrive.</param>
/// <param name="ErrorStatus">The status that upstream's error says; <see langword="null"/> if the response is not an error.</param>
/// <param name="Data">The data of the error event; <see langword="null"/> if the body itself is the error.</param>
internal readonly record struct AnswerVerdict(bool IsDecided, int? ErrorStatus, byte[]? Data)
{
    /// <summary>More of the response has to arrive.</summary>
    public static AnswerVerdict Undecided => default;

    /// <summary>The response is not an error.</summary>
    public static AnswerVerdict Passes { get; } = new(true, null, null);

    /// <summary>The response is upstream's error.</summary>
    public static AnswerVerdict Error(int status, byte[]? data) => new(true, status, data);
}
