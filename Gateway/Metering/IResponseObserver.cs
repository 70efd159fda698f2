namespace Gateway.Metering;

/// <summary>Observes a response before the client receives it.</summary>
internal interface IResponseObserver
{
    /// <summary>Observes the next bytes. They are sent to the client after the task has completed. The memory must not be kept.</summary>
    ValueTask ObserveAsync(ReadOnlyMemory<byte> bytes);

    /// <summary>Observes the end of the response. Not called for a response that is cut off.</summary>
    ValueTask EndAsync();
}
