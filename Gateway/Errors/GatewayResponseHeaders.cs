using Gateway.Limits;
using Gateway.Requests;
using OpenRouterGateway.Transforms.ProviderMapping;

namespace Gateway.Errors;

/// <summary>The headers that every answer carries: the request id, the applied rules, the levels of the limits.</summary>
internal static class GatewayResponseHeaders
{
    public const string RequestId = "x-request-id";
    public const string Rule = "x-gateway-rule";

    /// <summary>Marks an error of the gateway's own. Errors of upstream do not carry it.</summary>
    public const string Error = "x-gateway-error";

    /// <summary>Removes headers from upstream that only the gateway may set.</summary>
    public static void Claim(HttpResponse response)
    {
        response.Headers.Remove(Error);
        response.Headers.Remove(Rule);
    }

    /// <summary>Adds the headers, as far as their phases have run.</summary>
    public static void Apply(HttpContext context)
    {
        var request = GatewayContext.Of(context);
        var headers = context.Response.Headers;

        // An id from upstream is kept, since answers pass unaltered. The log line carries the id that went out.
        headers.TryAdd(RequestId, request.RequestId);
        if (request.HasAdmission && request.Admission.Limits is { } limits)
        {
            RateLimitHeaders.Write(headers, limits);
        }

        if (request.HasRoute
            && request.Snapshot.Settings.Server.RuleHeader
            && context.Features.Get<IProviderMappingFeature>()?.Decision.AppliedRules is { } rules)
        {
            headers[Rule] = rules;
        }
    }
}
