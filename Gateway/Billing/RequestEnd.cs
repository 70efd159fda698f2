namespace Gateway.Billing;

/// <summary>How a request ended.</summary>
internal enum RequestEnd
{
    /// <summary>The complete response was sent, regardless of its status.</summary>
    Completed,

    /// <summary>The gateway refused the request with an error of its own.</summary>
    Refused,

    /// <summary>The response of an attempt was dropped, and another attempt followed. No request ends so.</summary>
    Dropped,

    /// <summary>The client disconnected before the end of the response.</summary>
    ClientLeft,

    /// <summary>The upstream could not be reached.</summary>
    UpstreamUnreachable,

    /// <summary>The upstream sent no data for longer than the timeout.</summary>
    UpstreamTimedOut,

    /// <summary>The upstream closed the connection before its response was complete.</summary>
    UpstreamBroke,

    /// <summary>A bug in the gateway.</summary>
    Failed,

    /// <summary>The gateway stopped, and the time for requests in flight was over.</summary>
    Shutdown,
}

/// <summary>The names of request ends in the ledger and in the log.</summary>
internal static class RequestEnds
{
    public static string ToWord(this RequestEnd end) => end switch
    {
        RequestEnd.Completed => "Completed",
        RequestEnd.Refused => "Refused",
        RequestEnd.Dropped => "Dropped",
        RequestEnd.ClientLeft => "ClientLeft",
        RequestEnd.UpstreamUnreachable => "UpstreamUnreachable",
        RequestEnd.UpstreamTimedOut => "UpstreamTimedOut",
        RequestEnd.UpstreamBroke => "UpstreamBroke",
        RequestEnd.Failed => "Failed",
        RequestEnd.Shutdown => "Shutdown",
        _ => throw new ArgumentOutOfRangeException(nameof(end), end, null),
    };
}
