using Gateway.Billing;

namespace Gateway.Tests.EndToEnd;

/// <summary>A row of the ledger, as it stands in the database.</summary>
internal sealed record StormRow(
    string Team, string KeyLabel, string? GenerationId, GenerationState State, long ReservedPico, long? CostPico, long? UpstreamPico = null)
{
    public bool IsOpen => State is GenerationState.Reserved or GenerationState.Provisional;

    /// <summary>The amount that the team is charged.</summary>
    public Int128 Charge => State == GenerationState.Settled ? CostPico ?? 0 : ReservedPico;
}
