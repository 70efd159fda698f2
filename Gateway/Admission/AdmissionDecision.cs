using Gateway.Errors;
using Gateway.Limits;
using Gateway.Metering;

namespace Gateway.Admission;

/// <summary>The result of an admission: a call or an error.</summary>
/// <param name="Limits">The levels of the limits, also for a refused request; <see langword="null"/> without limits.</param>
/// <param name="Call">The admitted call; <see langword="null"/> when refused.</param>
/// <param name="Error">The refusal; <see langword="null"/> when admitted.</param>
internal readonly record struct AdmissionDecision(LimitResult? Limits, MeteredCall? Call, GatewayError? Error);
