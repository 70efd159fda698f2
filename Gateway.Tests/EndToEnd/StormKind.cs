namespace Gateway.Tests.EndToEnd;

/// <summary>The course of one call of a storm.</summary>
internal enum StormKind
{
    /// <summary>An answer, read to its end.</summary>
    Whole,

    /// <summary>The client leaves after so many bytes, those of the head included.</summary>
    LeaveAtByte,

    /// <summary>The client leaves while nothing has come.</summary>
    LeaveBeforeHead,

    /// <summary>The client leaves in the middle of its own body.</summary>
    LeaveInBody,

    /// <summary>Upstream falls silent, then the client leaves.</summary>
    Stall,

    /// <summary>Upstream's connection breaks after so many bytes of the answer.</summary>
    Cut,

    /// <summary>Upstream's connection breaks before an answer.</summary>
    Close,

    /// <summary>Upstream answers with an error's status.</summary>
    Error,

    /// <summary>Upstream answers 200 and puts an error into the answer.</summary>
    ErrorInside,

    /// <summary>The CDN answers with a page of its own, before it reaches the origin: nothing is generated.</summary>
    FreePage,

    /// <summary>A front answers with a page of its own: it is unknown whether something is generated.</summary>
    UnknownPage,

    /// <summary>Upstream redirects.</summary>
    Redirect,

    /// <summary>Upstream does not process the request, and says so.</summary>
    Refused,
}
