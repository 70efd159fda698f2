namespace Soak;

/// <summary>The kinds of calls.</summary>
internal enum CallKind
{
    /// <summary>A short call of one of four endpoints; some responses are delayed, compressed or split.</summary>
    Short,

    /// <summary>A conversation of 100 KB.</summary>
    Conversation,

    /// <summary>A body of 1 to 20 MB. Upstream echoes it, and it must equal the sent body with the rule's provider inserted.</summary>
    Upload,

    /// <summary>An event stream; all of its events must arrive.</summary>
    Stream,

    /// <summary>The client disconnects before the response starts.</summary>
    LeaveBeforeHead,

    /// <summary>The client disconnects in the middle of its body, sometimes after a pause.</summary>
    LeaveInBody,

    /// <summary>The client disconnects in the middle of a stream.</summary>
    LeaveInStream,

    /// <summary>The client disconnects in the middle of the request head.</summary>
    LeaveInHead,

    /// <summary>A body that arrives in pieces over seconds.</summary>
    SlowUpload,

    /// <summary>A body that stalls: 408 after the grace period.</summary>
    StalledUpload,

    /// <summary>A head that stalls: 408.</summary>
    StalledHead,

    /// <summary>An unknown key: 401.</summary>
    WrongKey,

    /// <summary>A body that is not a JSON object: 400.</summary>
    BadBody,

    /// <summary>Upstream's 429 or 5xx, which is forwarded unchanged.</summary>
    UpstreamError,

    /// <summary>Upstream closes the connection without a response: 502.</summary>
    UpstreamCloses,

    /// <summary>Upstream aborts a stream: an error event, and no clean end.</summary>
    UpstreamCutsStream,

    /// <summary>Upstream aborts a JSON response: no clean end.</summary>
    UpstreamCutsJson,

    /// <summary>A model that the team may not use: 403.</summary>
    DeniedModel,

    /// <summary>An endpoint that is closed to teams: 403.</summary>
    ClosedEndpoint,

    /// <summary>A team whose budget is too small for any request: 402.</summary>
    NoBudget,

    /// <summary>A team with a low limit of requests per minute: 200 or 429.</summary>
    NarrowLimit,

    /// <summary>A team that exists in every other version of the settings: 200 or 401, depending on the current version.</summary>
    Guest,

    /// <summary>The list of models.</summary>
    Models,

    /// <summary>The health page.</summary>
    Health,

    /// <summary>The metrics, at the admin address.</summary>
    Metrics,
}
