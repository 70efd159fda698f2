using Gateway.Configuration.Model;
using Gateway.Errors;
using Gateway.Limits;
using Gateway.Primitives;
using Gateway.Requests;
using Gateway.Teams;

namespace Gateway.Authentication;

/// <summary>
/// Adds a request to the requests in flight of its team and key before its body is read, so that uploads count. The request owns the lease
/// until the Admission phase takes it.
/// </summary>
internal sealed partial class ConcurrencyGate(ILimitStore limits, ILogger<ConcurrencyGate> logger)
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
            var policy = request.Snapshot.Settings.Limits.WhenStoreFails.Limits;
            Log.LimitsUnavailable(logger, fault.Message, policy, request.RequestId);
            return policy == FailurePolicy.Refuse ? GatewayError.LimitsUnavailable : null;
        }
    }

    private static partial class Log
    {
        [LoggerMessage(LogEvents.LimitsUnavailable, LogLevel.Warning, "The limit store failed: {Fault}; policy {Policy}. Request {RequestId}")]
        public static partial void LimitsUnavailable(ILogger logger, string fault, FailurePolicy policy, string requestId);
    }
}
