namespace Gateway.Errors;

/// <summary>Whose doing an error is; decides the level at which it is logged.</summary>
internal enum ErrorOrigin
{
    /// <summary>The caller sent what cannot be served.</summary>
    Client,

    /// <summary>The upstream could not be reached, or misbehaved.</summary>
    Upstream,

    /// <summary>A bug of ours.</summary>
    Gateway,
}
