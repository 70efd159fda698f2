namespace Gateway.Errors;

/// <summary>The side that caused an error. An error of the gateway itself ends the request as failed.</summary>
internal enum ErrorOrigin
{
    /// <summary>The client sent a request that cannot be served.</summary>
    Client,

    /// <summary>The upstream or a store could not be reached, or failed.</summary>
    Upstream,

    /// <summary>A bug in the gateway.</summary>
    Gateway,
}
