namespace Gateway.Metering;

/// <summary>Observes an answer before the client receives it.</summary>
internal interface IResponseObserver
{
    /// <summary>Observes the next bytes. They go to the client when the task is done. The memory must not be kept.</summary>
    ValueTask ObserveAsync(ReadOnlyMemory<byte> bytes);

    /// <summary>Observes the end of the answer. Not called for an answer that breaks off.</summary>
    ValueTask EndAsync();
}
