namespace Gateway.Metering;

/// <summary>Picks the reader for an answer.</summary>
internal static class AnswerReaders
{
    /// <summary>The reader for an answer of this kind and <c>Content-Encoding</c>. One that it cannot decode teaches it nothing.</summary>
    public static IAnswerReader Create(bool isEventStream, ICollection<string> encodings)
    {
        var encoding = EncodingOf(encodings);
        return encoding == AnswerEncoding.None ? new UsageReader(isEventStream) : new EncodedUsageReader(isEventStream, encoding);
    }

    /// <summary>The one encoding that an answer has.</summary>
    internal static AnswerEncoding EncodingOf(ICollection<string> encodings)
    {
        var found = AnswerEncoding.None;
        if (encodings.Count == 0)
        {
            return found;
        }

        foreach (var name in encodings)
        {
            if (name.Equals("identity", StringComparison.OrdinalIgnoreCase))
            {
                continue;
            }

            found = found == AnswerEncoding.None ? AcceptedEncodings.Parse(name) : AnswerEncoding.Unknown;
        }

        return found;
    }
}
