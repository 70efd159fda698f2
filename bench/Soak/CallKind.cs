namespace Soak;

/// <summary>What a client does, or what is done to it.</summary>
internal enum CallKind
{
    /// <summary>A short call of one of four endpoints, some answered late, compressed or in pieces.</summary>
    Short,

    /// <summary>A conversation of 100 KB.</summary>
    Conversation,

    /// <summary>A body of 1 to 20 MB, which comes back and must be what was sent, with the rule's provider in it.</summary>
    Upload,

    /// <summary>An event stream, all of whose events must come.</summary>
    Stream,

    /// <summary>The client leaves while upstream thinks.</summary>
    LeaveBeforeHead,

    /// <summary>The client leaves in the middle of its own body, some after a silence.</summary>
    LeaveInBody,

    /// <summary>The client leaves in the middle of a stream.</summary>
    LeaveInStream,

    /// <summary>The client leaves in the middle of its request's head.</summary>
    LeaveInHead,

    /// <summary>A body that comes in pieces over seconds.</summary>
    SlowUpload,

    /// <summary>A body that stops half-way: 408 once its grace is over.</summary>
    StalledUpload,

    /// <summary>A head that stops half-way: 408.</summary>
    StalledHead,

    /// <summary>An unknown key: 401.</summary>
    WrongKey,

    /// <summary>A body that is no JSON object: 400.</summary>
    BadBody,

    /// <summary>Upstream's own 429 or 5xx, which passes as it is.</summary>
    UpstreamError,

    /// <summary>Upstream closes the connection in place of an answer: 502.</summary>
    UpstreamCloses,

    /// <summary>Upstream breaks off a stream: an error event, and no clean end.</summary>
    UpstreamCutsStream,

    /// <summary>Upstream breaks off a JSON answer: no clean end.</summary>
    UpstreamCutsJson,

    /// <summary>A model that the team may not use: 403.</summary>
    DeniedModel,

    /// <summary>An endpoint that is closed to teams: 403.</summary>
    ClosedEndpoint,

    /// <summary>A team whose budget covers nothing: 402.</summary>
    NoBudget,

    /// <summary>A team with a few calls a minute: 200 or 429.</summary>
    NarrowLimit,

    /// <summary>A team that comes and goes with reloads: 200 or 401, as the settings in force say.</summary>
    Guest,

    /// <summary>The list of models.</summary>
    Models,

    /// <summary>The health page.</summary>
    Health,

    /// <summary>The metrics, at the admin address.</summary>
    Metrics,
}
