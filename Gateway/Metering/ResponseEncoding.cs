namespace Gateway.Metering;

/// <summary>The encodings of answers (<c>Content-Encoding</c>) that can be read.</summary>
internal enum ResponseEncoding
{
    /// <summary>The bytes are the answer.</summary>
    None,

    /// <summary>gzip.</summary>
    Gzip,

    /// <summary>deflate: zlib's format, or the bare one.</summary>
    Deflate,

    /// <summary>br.</summary>
    Brotli,

    /// <summary>Another one, or several at once.</summary>
    Unknown,
}
