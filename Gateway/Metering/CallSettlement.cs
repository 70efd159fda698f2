using Gateway.Billing;

namespace Gateway.Metering;

/// <summary>The result of a settled call, for the log and the metrics.</summary>
/// <param name="Decision">The state of the bill and the charge.</param>
/// <param name="End">How the call ended.</param>
/// <param name="Facts">The facts read from the response.</param>
/// <param name="Bill">The bill in the response; <see langword="null"/> without one.</param>
/// <param name="TimeToFirstToken">
/// From the start of the request to the first data of the response; <see langword="null"/> without data.
/// </param>
internal readonly record struct CallSettlement(
    SettlementDecision Decision, RequestEnd End, ResponseFacts Facts, Usage? Bill, TimeSpan? TimeToFirstToken);
