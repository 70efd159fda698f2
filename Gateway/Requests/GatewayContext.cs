using System.Diagnostics;
using Gateway.Admission;
using Gateway.Billing;
using Gateway.Configuration;
using Gateway.Limits;
using Gateway.Metering;
using Gateway.Teams;

namespace Gateway.Requests;

/// <summary>
/// What the phases know of one request. Each property has one setter, the phase named beside it; reading one before its phase has
/// run is a bug and says so.
/// </summary>
internal sealed class GatewayContext
{
    private SettingsSnapshot? _snapshot;

    /// <summary>Identifies the request in its answer (<c>x-request-id</c>) and in the log. Set at the start.</summary>
    public string RequestId { get; } = ActivityTraceId.CreateRandom().ToHexString();

    /// <summary>When the request began, as a timestamp of the host's clock. Set by RequestLog.</summary>
    public required long StartedAt { get; init; }

    /// <summary>The settings that this request keeps, whatever is reloaded meanwhile. Set by Team.</summary>
    public SettingsSnapshot Snapshot
    {
        get => _snapshot ?? throw new InvalidOperationException("The snapshot is set by the Team phase, which has not run.");
        set => _snapshot = value;
    }

    /// <summary>Whether the snapshot is known: requests that are refused before the Team phase have none.</summary>
    public bool HasSnapshot => _snapshot is not null;

    /// <summary>The team that calls; <see langword="null"/> when no teams are configured. Set by Team.</summary>
    public Team? Team { get; set; }

    /// <summary>The key that the team calls with. Set by Team, together with <see cref="Team"/>.</summary>
    public TeamKey? TeamKey { get; set; }

    /// <summary>Which of the endpoints that are open to teams is called; <see langword="null"/> without a team. Set by Team.</summary>
    public TeamEndpoint? Endpoint { get; set; }

    /// <summary>The path below upstream's base address that <see cref="Endpoint"/> was told by. Set by Team, together with it.</summary>
    public PathString JudgedPath { get; set; }

    /// <summary>What the request asks of its team's limits and budget. Set by RequestBody.</summary>
    public RequestCost? RequestCost { get; set; }

    /// <summary>How the limits stand, for the answer's headers. Set by Admission.</summary>
    public LimitResult? LimitResult { get; set; }

    /// <summary>What was set aside for the request. Set by Admission.</summary>
    public Reservation? Reservation { get; set; }

    /// <summary>Whether upstream can have seen any of the request. Set by the last of the upstream's request transforms.</summary>
    public bool WasForwarded { get; set; }

    /// <summary>The status of upstream's answer. Set by the upstream's response transform.</summary>
    public int? UpstreamStatus { get; set; }

    /// <summary>What watches the answer of a request with a reservation. Set by the upstream's response transform.</summary>
    public MeteredResponse? Answer { get; set; }

    /// <summary>
    /// When upstream's first byte of body, or its headers where there is none, came. Set by the upstream's response transform.
    /// </summary>
    public long? FirstByteAt { get; set; }

    /// <summary>How the request ended. Set by Errors, or by the event stream that broke.</summary>
    public RequestEnd End { get; set; } = RequestEnd.Completed;

    /// <summary>The code of the error by which the gateway refused the request, if it did. Set by Errors.</summary>
    public string? RefusalCode { get; set; }

    /// <summary>The context of a request that is in the pipeline.</summary>
    public static GatewayContext Of(HttpContext context) =>
        context.Features.Get<GatewayContext>()
        ?? throw new InvalidOperationException("The context is set by RequestLog, which has not run.");
}
