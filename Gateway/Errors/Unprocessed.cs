namespace Gateway.Errors;

/// <summary>Why upstream has surely not processed a request.</summary>
internal enum Unprocessed
{
    /// <summary>It may have processed the request.</summary>
    No,

    /// <summary>No connection was made: the name, the address, TLS or the proxy's tunnel failed, or the connection timed out.</summary>
    NoConnection,

    /// <summary>Upstream has refused the request's HTTP/2 stream, or excluded it by a <c>GOAWAY</c>.</summary>
    Refused,
}
