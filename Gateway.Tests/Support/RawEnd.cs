namespace Gateway.Tests.Support;

/// <summary>How a body ended.</summary>
internal enum RawEnd
{
    /// <summary>As its framing promised: the last chunk, all bytes of the Content-Length, or a close where neither was given.</summary>
    Complete,

    /// <summary>The peer closed before the framing's end.</summary>
    Truncated,

    /// <summary>The peer reset the connection before the framing's end.</summary>
    Reset,
}
