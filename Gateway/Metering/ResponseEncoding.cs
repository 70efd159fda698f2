namespace Gateway.Metering;

/// <summary>The <c>Content-Encoding</c> of an answer, as far as it can be decoded.</summary>
internal enum ResponseEncoding
{
    /// <summary>Not encoded.</summary>
    None,

    /// <summary>gzip.</summary>
    Gzip,

    /// <summary>deflate, in zlib's format or raw.</summary>
    Deflate,

    /// <summary>br.</summary>
    Brotli,

    /// <summary>Another encoding, or several of them.</summary>
    Unknown,
}
