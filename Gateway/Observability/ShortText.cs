namespace Gateway.Observability;

/// <summary>Bounds the length of texts that clients and upstream choose, in the log and in traces.</summary>
internal static class ShortText
{
    private const int Longest = 200;

    /// <summary>The text, cut after 200 characters.</summary>
    public static string? Of(string? text) => text?.Length > Longest ? string.Concat(text.AsSpan(0, Longest), "…") : text;
}
