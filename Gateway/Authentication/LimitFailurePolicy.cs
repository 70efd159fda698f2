using Gateway.Configuration.Model;
using Gateway.Errors;
using Gateway.Limits;
using Gateway.Primitives;

namespace Gateway.Authentication;

/// <summary>The policy for requests while the limit store fails: <see cref="WhenStoreFailsSettings.Limits"/>.</summary>
internal static partial class LimitFailurePolicy
{
    /// <summary>Logs a failure of the limit store and applies the policy.</summary>
    /// <param name="fault">The failure.</param>
    /// <param name="settings">The section <c>Limits</c>.</param>
    /// <param name="requestId">The id of the request.</param>
    /// <param name="logger">The log of the caller.</param>
    /// <returns>The refusal; <see langword="null"/> if the request proceeds without limits.</returns>
    public static GatewayError? Apply(LimitStoreException fault, LimitsSettings settings, string requestId, ILogger logger)
    {
        var policy = settings.WhenStoreFails.Limits;
        Log.LimitsUnavailable(logger, fault.Message, policy, requestId);
        return policy == FailurePolicy.Refuse ? GatewayError.LimitsUnavailable : null;
    }

    private static partial class Log
    {
        [LoggerMessage(LogEvents.LimitsUnavailable, LogLevel.Debug, "The limit store failed: {Fault}; policy {Policy}. Request {RequestId}")]
        public static partial void LimitsUnavailable(ILogger logger, string fault, FailurePolicy policy, string requestId);
    }
}
