namespace Gateway.Metering;

/// <summary>Reads an answer on its way to the client, piece by piece. No bytes make it throw, or keep more than a little.</summary>
/// <remarks>Not thread-safe, and good for one answer.</remarks>
internal interface IResponseReader : IDisposable
{
    /// <summary>What is known by now. The same object as long as nothing new was learnt.</summary>
    ResponseFacts Facts { get; }

    /// <summary>Whether the answer has come to its end: its JSON is closed, or its stream said that it is done.</summary>
    bool IsComplete { get; }

    /// <summary>Whether anything but blanks and keep-alive comments has come: the model has begun to answer.</summary>
    bool HasData { get; }

    /// <summary>Reads the next bytes, cut wherever they were.</summary>
    void Read(ReadOnlySpan<byte> bytes);

    /// <summary>No more bytes will come.</summary>
    void End();
}
