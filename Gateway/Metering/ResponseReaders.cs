namespace Gateway.Metering;

/// <summary>Creates the reader of an answer.</summary>
internal static class ResponseReaders
{
    /// <summary>The reader for an answer of this kind and <c>Content-Encoding</c>. From an unknown encoding it reads no facts.</summary>
    public static IResponseReader Create(bool isEventStream, ICollection<string> encodings)
    {
        var encoding = EncodingOf(encodings);
        return encoding == ResponseEncoding.None ? new UsageReader(isEventStream) : new EncodedUsageReader(isEventStream, encoding);
    }

    /// <summary>The encoding of an answer.</summary>
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
