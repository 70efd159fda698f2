using Gateway.Errors;
using Gateway.Limits;
using Gateway.Requests;
using Gateway.Teams;

namespace Gateway.Authentication;

/// <summary>
/// Adds a request to the requests in flight of its team and key before its body is read, so that uploads count. The request owns the lease
/// until the Admission phase takes it.
/// </summary>
internal sealed class ConcurrencyGate(ILimitStore limits, ILogger<ConcurrencyGate> logger)
{
    /// <summary>Acquires the request's lease.</summary>
    /// <returns>The refusal; <see langword="null"/> if the request may proceed, with or without a lease.</returns>
    public async ValueTask<GatewayError?> EnterAsync(GatewayContext request, IReadOnlyList<LimitScope> scopes)
    {
        try
        {
            var entry = await limits.EnterAsync(scopes);
            if (entry.IsGranted)
            {
                request.HoldLease(entry.Lease);
                return null;
            }

            request.Admission = new AdmissionRecord(entry.Refusal, null);
            return GatewayError.RateLimited(entry.Refusal);
        }
        catch (LimitStoreException fault)
        {
            return LimitFailurePolicy.Apply(fault, request.Snapshot.Settings.Limits, request.RequestId, logger);
        }
    }
}
