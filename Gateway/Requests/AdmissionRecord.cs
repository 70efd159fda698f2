using Gateway.Limits;
using Gateway.Metering;

namespace Gateway.Requests;

/// <summary>
/// The record of the Admission phase, also for a request that it refuses. The Team phase sets it for a refusal by a concurrency limit and for
/// a request for an earlier call of the team. The default is a request without limits that is not metered.
/// </summary>
/// <param name="Limits">The levels of the limits, for the response headers; <see langword="null"/> without limits.</param>
/// <param name="Call">The admitted call; <see langword="null"/> for a request that is not metered or is refused.</param>
internal readonly record struct AdmissionRecord(LimitResult? Limits, MeteredCall? Call)
{
    /// <summary>
    /// The lease of a request that is not metered, which ends with the response; <see langword="null"/> without limits. A metered call owns
    /// its lease.
    /// </summary>
    public ILimitLease? Lease { get; init; }
}
