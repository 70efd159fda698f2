namespace Gateway.Metering;

/// <summary>The <c>Content-Encoding</c> of a response.</summary>
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

    /// <summary>An encoding that the gateway cannot decode, or several encodings.</summary>
    Unknown,
}
