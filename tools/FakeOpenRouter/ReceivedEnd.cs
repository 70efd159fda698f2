namespace FakeOpenRouter;

/// <summary>How a request ended, as seen from the scripted upstream.</summary>
internal enum ReceivedEnd
{
    /// <summary>Still under way.</summary>
    Open,

    /// <summary>The whole answer was written.</summary>
    Complete,

    /// <summary>The client (a gateway, mostly) closed the connection before the answer was complete.</summary>
    ClientAborted,

    /// <summary>The script asked for the connection to be cut.</summary>
    Cut,
}
