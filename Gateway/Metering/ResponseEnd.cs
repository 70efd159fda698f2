namespace Gateway.Metering;

/// <summary>What the type of an event says about the answer's end.</summary>
internal enum ResponseEnd : byte
{
    /// <summary>The answer goes on.</summary>
    None,

    /// <summary>An error; whether the stream ends with it is not said.</summary>
    Error,

    /// <summary>The answer is done.</summary>
    Done,

    /// <summary>The answer is done, and failed.</summary>
    Failed,
}
