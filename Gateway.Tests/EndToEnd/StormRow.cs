using Gateway.Billing;

namespace Gateway.Tests.EndToEnd;

/// <summary>A row of the ledger, as it stands in the database.</summary>
internal sealed record StormRow(
    string Team, string KeyLabel, string? GenerationId, GenerationState State, long ReservedPico, long? CostPico, long? UpstreamPico = null)
{
    /// <summary>The id of the request, which its client got as <c>x-request-id</c>.</summary>
    public string? RequestId { get; init; }

    /// <summary>The number of questions for its bill.</summary>
    public long Questions { get; init; }

    public bool IsOpen => State is GenerationState.Reserved or GenerationState.Provisional;

    /// <summary>Whether it costs nothing for certain, as the row of an attempt that upstream has not processed.</summary>
    public bool IsFree => this is { GenerationId: null, State: GenerationState.Settled, CostPico: 0 };

    /// <summary>The amount that the team is charged.</summary>
    public Int128 Charge => State == GenerationState.Settled ? CostPico ?? 0 : ReservedPico;
}
