namespace Gateway.Billing;

/// <summary>How a request ended.</summary>
internal enum RequestEnd
{
    /// <summary>The answer went out whole, whatever its status.</summary>
    Completed,

    /// <summary>The gateway answered by itself, with an error.</summary>
    Refused,

    /// <summary>The caller was gone before the end of the answer.</summary>
    ClientLeft,

    /// <summary>The upstream could not be reached.</summary>
    UpstreamUnreachable,

    /// <summary>The upstream was silent for too long.</summary>
    UpstreamTimedOut,

    /// <summary>The upstream ended in the middle of its answer.</summary>
    UpstreamBroke,

    /// <summary>A bug of ours.</summary>
    Failed,
}

/// <summary>The words that stand for the ends of requests in the ledger and in metrics.</summary>
internal static class RequestEnds
{
    public static string ToWord(this RequestEnd end) => end switch
    {
        RequestEnd.Completed => "Completed",
        RequestEnd.Refused => "Refused",
        RequestEnd.ClientLeft => "ClientLeft",
        RequestEnd.UpstreamUnreachable => "UpstreamUnreachable",
        RequestEnd.UpstreamTimedOut => "UpstreamTimedOut",
        RequestEnd.UpstreamBroke => "UpstreamBroke",
        RequestEnd.Failed => "Failed",
        _ => throw new ArgumentOutOfRangeException(nameof(end), end, null),
    };
}
