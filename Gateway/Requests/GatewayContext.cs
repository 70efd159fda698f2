using System.Diagnostics;
using Gateway.Billing;
using Gateway.Configuration;
using Gateway.Teams;

namespace Gateway.Requests;

/// <summary>
/// The state of one request. Each phase sets its record once. Reading a record before its phase has run, and setting it a second time, are
/// bugs and throw an exception that names the phase. The outer phases (RequestLog, Errors) also see requests that were refused early and
/// check <c>Has…</c> first.
/// </summary>
internal sealed class GatewayContext
{
    private RouteRecord? _route;
    private CallerRecord? _caller;
    private RequestBodyRecord? _body;
    private AdmissionRecord? _admission;
    private UpstreamRecord? _upstream;
    private long? _bodyBeganAt;
    private RequestEnd? _end;

    /// <summary>Identifies the request in its answer (<c>x-request-id</c>) and in the log.</summary>
    public string RequestId { get; } = ActivityTraceId.CreateRandom().ToHexString();

    /// <summary>When the request began, as a timestamp of the host's clock.</summary>
    public required long StartedAt { get; init; }

    /// <summary>The record of Team about the route.</summary>
    public RouteRecord Route
    {
        get => _route ?? throw NotSet("Team");
        set => SetOnce(ref _route, value, "Team");
    }

    public bool HasRoute => _route is not null;

    /// <summary>The record of Team about the caller.</summary>
    public CallerRecord Caller
    {
        get => _caller ?? throw NotSet("Team");
        set => SetOnce(ref _caller, value, "Team");
    }

    public bool HasCaller => _caller is not null;

    /// <summary>The record of RequestBody; the default where the phase had nothing to read, as on routes that are not rewritten.</summary>
    public RequestBodyRecord Body
    {
        get => _caller is null ? throw NotSet("Team") : _body.GetValueOrDefault();
        set => SetOnce(ref _body, value, "RequestBody");
    }

    /// <summary>The record of Admission.</summary>
    public AdmissionRecord Admission
    {
        get => _admission ?? throw NotSet("Admission");
        set => SetOnce(ref _admission, value, "Admission");
    }

    public bool HasAdmission => _admission is not null;

    /// <summary>The record of the response transform.</summary>
    public UpstreamRecord Upstream
    {
        get => _upstream ?? throw NotSet("Upstream");
        set => SetOnce(ref _upstream, value, "Upstream");
    }

    public bool HasUpstream => _upstream is not null;

    /// <summary>The settings that the request keeps, of <see cref="Route"/>.</summary>
    public SettingsSnapshot Snapshot => Route.Snapshot;

    /// <summary>The team that calls, of <see cref="Caller"/>.</summary>
    public Team? Team => Caller.Team;

    /// <summary>
    /// When the answer began: the first byte of an event stream, else upstream's headers; <see langword="null"/> without an answer.
    /// </summary>
    public long? FirstByteAt => _bodyBeganAt ?? _upstream?.HeadersAt;

    /// <summary>How the request ended; <see cref="RequestEnd.Completed"/> as long as nothing else was recorded.</summary>
    public RequestEnd End => _end ?? RequestEnd.Completed;

    /// <summary>The code of the gateway's refusal, if there was one.</summary>
    public string? RefusalCode { get; private set; }

    /// <summary>The context of a request that is in the pipeline.</summary>
    public static GatewayContext Of(HttpContext context) =>
        context.Features.Get<GatewayContext>() ?? throw NotSet("RequestLog");

    /// <summary>Records the first byte of an event stream.</summary>
    public void BodyBegan(long timestamp) => _bodyBeganAt ??= timestamp;

    /// <summary>Records how the request ended. The first end is kept: whatever fails later follows from it.</summary>
    /// <param name="end">How it ended.</param>
    /// <param name="refusalCode">The code of the gateway's refusal, if it is one.</param>
    public void EndAs(RequestEnd end, string? refusalCode = null)
    {
        if (_end is null)
        {
            _end = end;
            RefusalCode = refusalCode;
        }
    }

    private static void SetOnce<T>(ref T? record, T value, string phase)
        where T : struct
    {
        if (record is not null)
        {
            throw new InvalidOperationException($"The record of the phase {phase} is set already.");
        }

        record = value;
    }

    private static InvalidOperationException NotSet(string phase) => new($"The phase {phase} has not run.");
}
