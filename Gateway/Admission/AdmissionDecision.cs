using Gateway.Errors;

namespace Gateway.Admission;

/// <summary>What became of a request that asked to be let in.</summary>
internal abstract record AdmissionDecision
{
    /// <summary>It goes on, with what was set aside for it.</summary>
    public sealed record Granted(Reservation Reservation) : AdmissionDecision;

    /// <summary>It does not.</summary>
    public sealed record Refused(GatewayError Error) : AdmissionDecision;
}
