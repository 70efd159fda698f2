namespace Gateway.Metering;

/// <summary>Picks the reader for an answer.</summary>
internal static class ResponseReaders
{
    /// <summary>The reader for an answer of this kind and <c>Content-Encoding</c>. One that it cannot decode teaches it nothing.</summary>
    public static IResponseReader Create(bool isEventStream, ICollection<string> encodings)
    {
        var encoding = EncodingOf(encodings);
        return encoding == ResponseEncoding.None ? new UsageReader(isEventStream) : new EncodedUsageReader(isEventStream, encoding);
    }

    /// <summary>The one encoding that an answer has.</summary>
    internal static ResponseEncoding EncodingOf(ICollection<string> encodings)
    {
        var found = ResponseEncoding.None;
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

            found = found == ResponseEncoding.None ? AcceptedEncodings.Parse(name) : ResponseEncoding.Unknown;
        }

        return found;
    }
}
