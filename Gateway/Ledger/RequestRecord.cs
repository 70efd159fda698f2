using Gateway.Billing;
using Gateway.Primitives;

namespace Gateway.Ledger;

/// <summary>
/// The known facts about one request, for the look-up: from its row in the ledger, or from the memory of recent requests. A value that is
/// not known is <see langword="null"/>. Contains no body, no query string and no header of the caller.
/// </summary>
internal sealed record RequestRecord
{
    /// <summary>The id of the row in the ledger; <see langword="null"/> without one.</summary>
    public Guid? Row { get; init; }

    /// <summary>When the request arrived.</summary>
    public required DateTimeOffset Time { get; init; }

    /// <summary>The <c>x-request-id</c> of the response.</summary>
    public string? RequestId { get; init; }

    /// <summary>The gateway's own id of the request, if the response carried upstream's.</summary>
    public string? OwnRequestId { get; init; }

    /// <summary>Upstream's id.</summary>
    public string? GenerationId { get; init; }

    /// <summary>Id of the team.</summary>
    public string? Team { get; init; }

    /// <summary>Label of the team's key.</summary>
    public string? Key { get; init; }

    public string? Method { get; init; }

    /// <summary>The path of the request. In the ledger: the endpoint below the base address.</summary>
    public string? Path { get; init; }

    /// <summary>The status of the response. In the ledger: that of upstream's response.</summary>
    public int? Status { get; init; }

    /// <summary>The code of the gateway's error.</summary>
    public string? Code { get; init; }

    /// <summary>The model as the client wrote it.</summary>
    public string? Model { get; init; }

    public string? SentModel { get; init; }

    public string? AnsweredModel { get; init; }

    public string? Provider { get; init; }

    /// <summary>The names of the applied rules.</summary>
    public string? Rule { get; init; }

    /// <summary>Whether the request asks for an event stream.</summary>
    public bool? IsStream { get; init; }

    public long? PromptTokens { get; init; }

    public long? CompletionTokens { get; init; }

    /// <summary>The charge as reports count it: the cost, or the reservation as long as the bill is unknown.</summary>
    public PicoDollars? Cost { get; init; }

    public GenerationState? State { get; init; }

    public double? FirstByteMs { get; init; }

    public double? FirstTokenMs { get; init; }

    public double? DurationMs { get; init; }

    /// <summary>How often the request was sent.</summary>
    public int? Attempts { get; init; }

    /// <summary>How the request ended, as in <see cref="RequestEnds.ToWord"/>.</summary>
    public string? End { get; init; }

    public string? Destination { get; init; }

    /// <summary>The name of the OpenRouter key that the request carried.</summary>
    public string? UpstreamKey { get; init; }

    /// <summary>The version of the request's settings.</summary>
    public string? SettingsVersion { get; init; }

    /// <summary>Whether the ledger may still change the bill.</summary>
    public bool IsOpen => Row is not null && State != GenerationState.Settled;

    /// <summary>The record with the ledger's facts about the bill.</summary>
    public RequestRecord With(RequestRecord row) => this with
    {
        State = row.State,
        Cost = row.Cost,
        PromptTokens = row.PromptTokens ?? PromptTokens,
        CompletionTokens = row.CompletionTokens ?? CompletionTokens,
        AnsweredModel = row.AnsweredModel ?? AnsweredModel,
        Provider = row.Provider ?? Provider,
        GenerationId = row.GenerationId ?? GenerationId,
        UpstreamKey = row.UpstreamKey ?? UpstreamKey,
    };
}
