namespace Gateway.Metering;

/// <summary>Reads an answer on its way to the client, piece by piece. Never throws on any input, and buffers a bounded amount.</summary>
/// <remarks>Not thread-safe; reads one answer.</remarks>
internal interface IResponseReader : IDisposable
{
    /// <summary>The facts read until now. The same object as long as nothing changed.</summary>
    ResponseFacts Facts { get; }

    /// <summary>Whether the answer is complete: its JSON is closed, or its stream has sent its last event.</summary>
    bool IsComplete { get; }

    /// <summary>Whether data has arrived, apart from blanks and keep-alive comments.</summary>
    bool HasData { get; }

    /// <summary>Reads the next bytes; they may be split at any position.</summary>
    void Read(ReadOnlySpan<byte> bytes);

    /// <summary>Ends the input.</summary>
    void End();
}
