using System.Globalization;
using Gateway.Limits;
using Gateway.Requests;
using OpenRouterGateway.Transforms.ProviderMapping;

namespace Gateway.Errors;

/// <summary>
/// Sets the gateway's headers of every response: the request id, the applied rules, the removed tools, the attempts, upstream's own status,
/// and the levels of the limits.
/// </summary>
internal static class GatewayResponseHeaders
{
    public const string RequestId = "x-request-id";
    public const string Rule = "x-gateway-rule";

    /// <summary>The header that lists the server tools which were removed from the request.</summary>
    public const string RemovedTools = "x-gateway-removed-tools";

    /// <summary>The header that says how often the request was sent, if more than once.</summary>
    public const string Attempts = "x-gateway-attempts";

    /// <summary>The header with the status that upstream sent, if the status of the error in the response has replaced it.</summary>
    public const string UpstreamStatus = "x-gateway-upstream-status";

    /// <summary>The header that marks an error of the gateway itself. Errors of upstream do not have it.</summary>
    public const string Error = "x-gateway-error";

    /// <summary>Removes headers that upstream has sent and only the gateway may set.</summary>
    public static void Claim(HttpResponse response)
    {
        response.Headers.Remove(Error);
        response.Headers.Remove(Rule);
        response.Headers.Remove(RemovedTools);
        response.Headers.Remove(Attempts);
        response.Headers.Remove(UpstreamStatus);
    }

    /// <summary>Adds the headers whose phases have run.</summary>
    public static void Apply(HttpContext context)
    {
        var request = GatewayContext.Of(context);
        var headers = context.Response.Headers;

        // An id from upstream is kept, since responses pass unchanged. The log line contains the id that was sent.
        headers.TryAdd(RequestId, request.RequestId);
        if (ConnectionHeaderEncoding.Closes(context.Request.Headers.Connection))
        {
            headers.Connection = "close";
        }

        if (headers.AccessControlAllowOrigin.Count == 0)
        {
            // A page of another origin may read the response. It authenticates with a key, so no origin has to be trusted.
            headers.AccessControlAllowOrigin = "*";
        }

        if (request.HasAdmission && request.Admission.Limits is { } limits)
        {
            RateLimitHeaders.Write(headers, limits);
        }

        // A refused request was not sent, with or without the tools.
        if (request is { HasAttempts: true, Attempts.Count: > 0 } && request.Body.RemovedTools is { } removed)
        {
            headers[RemovedTools] = removed;
        }

        if (request is { HasAttempts: true, Attempts.Count: > 1 and var attempts })
        {
            headers[Attempts] = attempts.ToString(CultureInfo.InvariantCulture);
        }

        if (request is { HasUpstream: true, Upstream.ReplacedStatus: { } status })
        {
            headers[UpstreamStatus] = status.ToString(CultureInfo.InvariantCulture);
        }

        if (request.HasRoute
            && request.Snapshot.Settings.Server.RuleHeader
            && context.Features.Get<IProviderMappingFeature>()?.Decision.AppliedRules is { } rules)
        {
            headers[Rule] = rules;
        }
    }
}
