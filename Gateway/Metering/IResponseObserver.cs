namespace Gateway.Metering;

/// <summary>Is shown an answer before the client is.</summary>
internal interface IResponseObserver
{
    /// <summary>Sees the next bytes. They go to the client when this has ended, and are not to be kept.</summary>
    ValueTask ObserveAsync(ReadOnlyMemory<byte> bytes);

    /// <summary>Is told that the answer came to its end. An answer that breaks off has none.</summary>
    ValueTask EndAsync();
}
