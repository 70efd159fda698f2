namespace Gateway.Metering;

/// <summary>Creates and judges the readers of responses.</summary>
internal static class ResponseReaders
{
    /// <summary>
    /// Creates a reader for the type and the <c>Content-Encoding</c> of a response. It reads no facts from an unknown encoding.
    /// </summary>
    public static IResponseReader Create(bool isEventStream, ICollection<string> encodings)
    {
        var encoding = EncodingOf(encodings);
        return encoding == ResponseEncoding.None ? new UsageReader(isEventStream) : new EncodedUsageReader(isEventStream, encoding);
    }

    /// <summary>Whether the only data that a reader has read is upstream's error: the events of a stream, or a complete body.</summary>
    public static bool IsErrorOnly(IResponseReader reader) =>
        reader is { HasContent: false, Facts: { HasError: true } facts } && (reader.IsEventStream || facts.IsComplete);

    /// <summary>The encoding of a response.</summary>
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
