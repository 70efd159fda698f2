using Gateway.Errors;
using Gateway.Limits;
using Gateway.Metering;

namespace Gateway.Admission;

/// <summary>The result of an admission: an admitted call or an error.</summary>
/// <param name="Limits">The levels of the limits, also for a refused request; <see langword="null"/> without limits.</param>
/// <param name="Call">The admitted call; <see langword="null"/> if refused.</param>
/// <param name="Error">The error; <see langword="null"/> if admitted.</param>
internal readonly record struct AdmissionDecision(LimitResult? Limits, MeteredCall? Call, GatewayError? Error);
