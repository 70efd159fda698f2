using Gateway.Teams;

namespace Gateway.Observability;

/// <summary>Bounds the length of texts that clients and upstream choose, in the log and in traces, and hides keys in them.</summary>
internal static class ShortText
{
    private const int Longest = 200;

    /// <summary>The text without keys, cut after 200 characters.</summary>
    public static string? Of(string? text)
    {
        text = KeyText.Hide(text);
        if (text is null || text.Length <= Longest)
        {
            return text;
        }

        // Half of a surrogate pair is no text.
        var length = char.IsHighSurrogate(text[Longest - 1]) ? Longest - 1 : Longest;
        return string.Concat(text.AsSpan(0, length), "…");
    }
}
