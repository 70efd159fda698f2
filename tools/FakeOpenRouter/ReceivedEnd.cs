namespace FakeOpenRouter;

/// <summary>How a request ended, as seen from the scripted upstream.</summary>
internal enum ReceivedEnd
{
    /// <summary>In progress.</summary>
    Open,

    /// <summary>The whole response was written.</summary>
    Complete,

    /// <summary>The client (usually a gateway) closed the connection before the response was complete.</summary>
    ClientAborted,

    /// <summary>The script cut the connection.</summary>
    Cut,
}
