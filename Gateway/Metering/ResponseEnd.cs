namespace Gateway.Metering;

/// <summary>The meaning of an event's type for the end of the response.</summary>
internal enum ResponseEnd : byte
{
    /// <summary>The response continues.</summary>
    None,

    /// <summary>The event is an error. The stream may continue after it.</summary>
    Error,

    /// <summary>The response is complete. The event repeats it, with its bill.</summary>
    Done,

    /// <summary>The response is complete. An earlier event has its bill.</summary>
    Stopped,

    /// <summary>The response is complete, and the generation failed.</summary>
    Failed,
}
