using Gateway.Errors;
using Gateway.Limits;
using Gateway.Requests;
using Gateway.Teams;

namespace Gateway.Authentication;

/// <summary>
/// Counts a request under the limits of its team and key: among the requests in flight before its body is read, so that uploads count, and
/// as a request if it is not metered. The request owns the lease until the Admission phase of a metered call takes it.
/// </summary>
internal sealed class LimitGate(ILimitStore limits, ILogger<LimitGate> logger)
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

    /// <summary>
    /// Charges the lease that the request holds: a call that is not metered counts as a request, and costs neither tokens nor money. The
    /// record of its admission has the lease from then on.
    /// </summary>
    /// <returns>The refusal; <see langword="null"/> if the request may proceed.</returns>
    public async ValueTask<GatewayError?> ChargeAsync(GatewayContext request)
    {
        if (request.TakeLease() is not { } lease)
        {
            return null;
        }

        LimitResult? result = null;
        try
        {
            result = await lease.ChargeAsync(estimatedTokens: 0);
            return result.RefusedBy is null ? null : GatewayError.RateLimited(result);
        }
        catch (LimitStoreException fault)
        {
            return LimitFailurePolicy.Apply(fault, request.Snapshot.Settings.Limits, request.RequestId, logger);
        }
        finally
        {
            request.Admission = new AdmissionRecord(result, null) { Lease = lease };
        }
    }
}
