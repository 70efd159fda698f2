namespace Gateway.Metering;

/// <summary>Reads facts from a response while it passes to the client. Throws on no input and buffers a bounded amount.</summary>
/// <remarks>Not thread-safe; reads one response.</remarks>
internal interface IResponseReader : IDisposable
{
    /// <summary>The facts read so far. The same object until a fact changes.</summary>
    ResponseFacts Facts { get; }

    /// <summary>Whether the response is complete: its JSON document is closed, or its stream has sent the last event.</summary>
    bool IsComplete { get; }

    /// <summary>Whether the response is an event stream. Its first data decides: a server may announce events and then fail with JSON.</summary>
    bool IsEventStream { get; }

    /// <summary>Whether data other than blanks and keep-alive comments has arrived.</summary>
    bool HasData { get; }

    /// <summary>
    /// Whether data other than upstream's error has arrived. The events that open a stream (<c>response.created</c>, <c>message_start</c>,
    /// <c>ping</c>…) do not count.
    /// </summary>
    bool HasContent { get; }

    /// <summary>Whether more was generated after the last cost that a stream told. That cost is not the bill.</summary>
    bool IsCostInterim { get; }

    /// <summary>Whether a piece of the completion came after the tokens that an event stream told last, which then count less than all.</summary>
    bool HasTextBehindUsage { get; }

    /// <summary>An estimate of the completion tokens in the events that have arrived; zero for a response that is not a stream.</summary>
    long PassedTokens { get; }

    /// <summary>Reports that the generation can be asked for by its id, so that the bill need not be found in the response.</summary>
    void NoteNamed();

    /// <summary>Reads the next bytes. The response may be split at any position.</summary>
    void Read(ReadOnlySpan<byte> bytes);

    /// <summary>Ends the input.</summary>
    void End();
}
