using Gateway.Configuration;
using Gateway.Limits;
using Gateway.Pricing;
using Gateway.Teams;
using OpenRouterGateway.Transforms.ProviderMapping;

namespace Gateway.Admission;

/// <summary>The facts of a metered request that admission needs.</summary>
/// <param name="RequestId">The id of the request, for the log.</param>
/// <param name="StartedAt">When the request began, as a timestamp of the host's clock.</param>
/// <param name="Snapshot">The settings snapshot of the request.</param>
/// <param name="Caller">The team and its key.</param>
/// <param name="Endpoint">The endpoint.</param>
/// <param name="Lease">The request's lease, which the admission owns from now on; <see langword="null"/> without limits.</param>
/// <param name="IsLeaseCharged">Whether an earlier attempt has charged the lease.</param>
/// <param name="Cost">The estimated use.</param>
/// <param name="Mapping">The facts and the decision about the body; <see langword="null"/> if the body was not read.</param>
internal readonly record struct AdmissionRequest(
    string RequestId,
    long StartedAt,
    SettingsSnapshot Snapshot,
    CallerIdentity Caller,
    TeamEndpoint Endpoint,
    ILimitLease? Lease,
    bool IsLeaseCharged,
    RequestCost Cost,
    IProviderMappingFeature? Mapping);
