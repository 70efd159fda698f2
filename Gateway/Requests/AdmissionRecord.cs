using Gateway.Limits;
using Gateway.Metering;

namespace Gateway.Requests;

/// <summary>Set by Admission, also for a request that it refuses. The default is a call that is not metered.</summary>
/// <param name="Limits">The levels of the limits, for the answer's headers; <see langword="null"/> without limits.</param>
/// <param name="Call">The admitted call; <see langword="null"/> for one that is not metered or is refused.</param>
internal readonly record struct AdmissionRecord(LimitResult? Limits, MeteredCall? Call);
