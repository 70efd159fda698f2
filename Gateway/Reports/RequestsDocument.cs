using System.Text.Json.Serialization;
using Gateway.Billing;
using Gateway.Ledger;
using Gateway.Primitives;

namespace Gateway.Reports;

/// <summary>The latest requests as JSON.</summary>
/// <param name="Requests">The requests, newest first.</param>
internal sealed record RequestsDocument(IReadOnlyList<RequestDocument> Requests)
{
    /// <summary>Why requests may be missing; <see langword="null"/> if none is.</summary>
    public string? Incomplete { get; init; }
}

/// <summary>One request as JSON. Values that are not known are left out.</summary>
internal sealed record RequestDocument
{
    public required DateTime Time { get; init; }

    public string? RequestId { get; init; }

    public string? GenerationId { get; init; }

    public string? Team { get; init; }

    public string? Key { get; init; }

    public string? Method { get; init; }

    public string? Path { get; init; }

    public int? Status { get; init; }

    public string? Code { get; init; }

    public string? Model { get; init; }

    public string? SentModel { get; init; }

    public string? AnsweredModel { get; init; }

    public string? Provider { get; init; }

    public string? Rule { get; init; }

    public bool? Stream { get; init; }

    public long? PromptTokens { get; init; }

    public long? CompletionTokens { get; init; }

    [JsonConverter(typeof(PicoDollarsJsonConverter))]
    public PicoDollars? CostUsd { get; init; }

    public string? State { get; init; }

    public double? FirstByteMs { get; init; }

    public double? FirstTokenMs { get; init; }

    public double? DurationMs { get; init; }

    public int? Attempts { get; init; }

    public string? End { get; init; }

    public string? Destination { get; init; }

    public string? UpstreamKey { get; init; }

    public string? Version { get; init; }

    /// <summary>The document of a record.</summary>
    public static RequestDocument Of(RequestRecord request) => new()
    {
        Time = request.Time.UtcDateTime,
        RequestId = request.RequestId,
        GenerationId = request.GenerationId,
        Team = request.Team,
        Key = request.Key,
        Method = request.Method,
        Path = request.Path,
        Status = request.Status,
        Code = request.Code,
        Model = request.Model,
        SentModel = request.SentModel,
        AnsweredModel = request.AnsweredModel,
        Provider = request.Provider,
        Rule = request.Rule,
        Stream = request.IsStream,
        PromptTokens = request.PromptTokens,
        CompletionTokens = request.CompletionTokens,
        CostUsd = request.Cost,
        State = WordOf(request.State),
        FirstByteMs = request.FirstByteMs,
        FirstTokenMs = request.FirstTokenMs,
        DurationMs = request.DurationMs,
        Attempts = request.Attempts,
        End = request.End,
        Destination = request.Destination,
        UpstreamKey = request.UpstreamKey,
        Version = request.SettingsVersion,
    };

    /// <summary>The name of a state.</summary>
    public static string? WordOf(GenerationState? state) => state switch
    {
        null => null,
        GenerationState.Reserved => "reserved",
        GenerationState.Provisional => "provisional",
        GenerationState.Settled => "settled",
        GenerationState.Unresolvable => "unresolvable",
        GenerationState.WrittenOff => "written_off",
        _ => throw new ArgumentOutOfRangeException(nameof(state), state, null),
    };
}
