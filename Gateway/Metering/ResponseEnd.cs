namespace Gateway.Metering;

/// <summary>The meaning of an event's type for the end of the answer.</summary>
internal enum ResponseEnd : byte
{
    /// <summary>The answer continues.</summary>
    None,

    /// <summary>An error; the stream may continue after it.</summary>
    Error,

    /// <summary>The answer is complete.</summary>
    Done,

    /// <summary>The answer is complete and failed.</summary>
    Failed,
}
