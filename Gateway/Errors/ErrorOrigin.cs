namespace Gateway.Errors;

/// <summary>The side that caused an error; decides the log level.</summary>
internal enum ErrorOrigin
{
    /// <summary>The caller sent a request that cannot be served.</summary>
    Client,

    /// <summary>The upstream could not be reached, or misbehaved.</summary>
    Upstream,

    /// <summary>A bug in the gateway.</summary>
    Gateway,
}
