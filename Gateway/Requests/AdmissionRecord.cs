using Gateway.Limits;
using Gateway.Metering;

namespace Gateway.Requests;

/// <summary>
/// The record of the Admission phase, also for a request that it refuses, or of a refusal by a concurrency limit in the Team phase. The
/// default is a request without limits that is not metered.
/// </summary>
/// <param name="Limits">The levels of the limits, for the response headers; <see langword="null"/> without limits.</param>
/// <param name="Call">The admitted call; <see langword="null"/> for a request that is not metered or is refused.</param>
internal readonly record struct AdmissionRecord(LimitResult? Limits, MeteredCall? Call);
