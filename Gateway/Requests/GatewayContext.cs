using Gateway.Billing;
using Gateway.Configuration;
using Gateway.Limits;
using Gateway.Primitives;
using Gateway.Teams;

namespace Gateway.Requests;

/// <summary>
/// The state of one request. Each phase sets its record once. Reading a record before its phase has run and setting a record twice are bugs
/// and throw an exception that names the phase. The outer phases (RequestLog, Errors) check <c>Has…</c> first, since a request may be
/// refused before the inner phases run.
/// </summary>
internal sealed class GatewayContext
{
    private string? _requestId;
    private RouteRecord? _route;
    private CallerRecord? _caller;
    private RequestBodyRecord? _body;
    private AdmissionRecord? _admission;
    private RequestAttempts? _attempts;
    private UpstreamRecord? _upstream;
    private long? _bodyBeganAt;
    private RequestEnd? _end;
    private ILimitLease? _lease;

    /// <summary>The id of the request in the response (<c>x-request-id</c>) and in the log.</summary>
    public string RequestId => _requestId ??= RequestIds.Create(ArrivedAt);

    /// <summary>When the request arrived; the time in its id.</summary>
    public DateTimeOffset ArrivedAt { get; init; } = DateTimeOffset.UnixEpoch;

    /// <summary>When the request began, as a timestamp of the host's clock.</summary>
    public required long StartedAt { get; init; }

    /// <summary>The Team phase's record of the route.</summary>
    public RouteRecord Route
    {
        get => _route ?? throw NotSet("Team");
        set => SetOnce(ref _route, value, "Team");
    }

    public bool HasRoute => _route is not null;

    /// <summary>The Team phase's record of the caller.</summary>
    public CallerRecord Caller
    {
        get => _caller ?? throw NotSet("Team");
        set => SetOnce(ref _caller, value, "Team");
    }

    public bool HasCaller => _caller is not null;

    /// <summary>
    /// The record of the RequestBody phase; the default if the phase read no body, for example on a route that is not rewritten.
    /// </summary>
    public RequestBodyRecord Body
    {
        get => _caller is null ? throw NotSet("Team") : _body.GetValueOrDefault();
        set => SetOnce(ref _body, value, "RequestBody");
    }

    /// <summary>The record of the Admission phase.</summary>
    public AdmissionRecord Admission
    {
        get => _admission ?? throw NotSet("Admission");
        set => SetOnce(ref _admission, value, "Admission");
    }

    public bool HasAdmission => _admission is not null;

    /// <summary>The record of the Attempts phase.</summary>
    public RequestAttempts Attempts
    {
        get => _attempts ?? throw NotSet("Attempts");
        set => _attempts = _attempts is null ? value : throw AlreadySet("Attempts");
    }

    public bool HasAttempts => _attempts is not null;

    /// <summary>The record of the response transform.</summary>
    public UpstreamRecord Upstream
    {
        get => _upstream ?? throw NotSet("Upstream");
        set => SetOnce(ref _upstream, value, "Upstream");
    }

    public bool HasUpstream => _upstream is not null;

    /// <summary>
    /// Cancelled when the client of a call that runs to its end without it has disconnected. Never cancelled for other requests, whose
    /// <c>RequestAborted</c> is.
    /// </summary>
    public CancellationToken ClientLeft { get; set; }

    /// <summary>The settings snapshot of the request, from <see cref="Route"/>.</summary>
    public SettingsSnapshot Snapshot => Route.Snapshot;

    /// <summary>The team of the caller, from <see cref="Caller"/>.</summary>
    public Team? Team => Caller.Team;

    /// <summary>
    /// When upstream's response began: the first byte of an event stream, or else the headers; <see langword="null"/> without a response.
    /// </summary>
    public long? FirstByteAt => _bodyBeganAt ?? _upstream?.HeadersAt;

    /// <summary>
    /// Cancelled when the gateway stops and the time for requests in flight is over. <see cref="End"/> is then
    /// <see cref="RequestEnd.Shutdown"/>.
    /// </summary>
    public CancellationToken Cut { get; set; }

    /// <summary>Whether the shutdown has cut the request. A failure that the cut causes may be seen before the cut is recorded.</summary>
    public bool IsCutByShutdown()
    {
        if (Cut.IsCancellationRequested)
        {
            EndAs(RequestEnd.Shutdown);
        }

        return End == RequestEnd.Shutdown;
    }

    /// <summary>How the request ended; <see cref="RequestEnd.Completed"/> unless another end was recorded.</summary>
    public RequestEnd End => _end ?? RequestEnd.Completed;

    /// <summary>The code of the gateway's refusal, if there was one.</summary>
    public string? RefusalCode { get; private set; }

    /// <summary>
    /// The code and the message of the error that the gateway has sent, as a response or as the last event of a stream;
    /// <see langword="null"/> if it has sent none. Beside refusals it includes failures of upstream.
    /// </summary>
    public (string Code, string Message)? Error { get; set; }

    /// <summary>The context of a request in the pipeline.</summary>
    public static GatewayContext Of(HttpContext context) =>
        context.Features.Get<GatewayContext>() ?? throw NotSet("RequestLog");

    /// <summary>
    /// Makes the request the owner of a lease, from the Team phase until a later phase takes or charges it. A request that is refused or ends
    /// before that cancels it.
    /// </summary>
    public void HoldLease(ILimitLease lease) => _lease = lease;

    /// <summary>Hands over the lease. The caller becomes its owner.</summary>
    /// <returns>The lease; <see langword="null"/> if the request holds none.</returns>
    public ILimitLease? TakeLease() => Interlocked.Exchange(ref _lease, null);

    /// <summary>Whether the request holds a lease.</summary>
    public bool HoldsLease => _lease is not null;

    /// <summary>
    /// Ends the request's lease: cancels one that the request still holds, and returns the one of a request that is not metered. Called before
    /// the client can have the whole response, so that it may send its next request at once; further calls have no effect.
    /// </summary>
    public ValueTask EndLeaseAsync() =>
        TakeLease() is { } held ? held.CancelAsync() : _admission?.Lease?.ReturnAsync(tokens: null) ?? default;

    /// <summary>Replaces the record of the Admission phase by that of another attempt.</summary>
    public void RenewAdmission(AdmissionRecord record) => _admission = record;

    /// <summary>Records the first byte of an event stream.</summary>
    public void BodyBegan(long timestamp) => _bodyBeganAt ??= timestamp;

    /// <summary>Records how the request ended. The first recorded end is kept, since later failures are its consequences.</summary>
    /// <param name="end">The end.</param>
    /// <param name="refusalCode">The error code of a refusal.</param>
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
            throw AlreadySet(phase);
        }

        record = value;
    }

    private static InvalidOperationException AlreadySet(string phase) =>
        new($"The record of the phase {phase} has already been set.");

    private static InvalidOperationException NotSet(string phase) => new($"The phase {phase} has not run.");
}
