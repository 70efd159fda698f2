using Gateway.Limits;
using Gateway.Requests;
using OpenRouterGateway.Transforms.ProviderMapping;

namespace Gateway.Errors;

/// <summary>What every answer says of its request: its id, which rule was applied, and how its limits stand.</summary>
internal static class GatewayResponseHeaders
{
    public const string RequestId = "x-request-id";
    public const string Rule = "x-gateway-rule";

    /// <summary>Marks an answer that the gateway made; upstream's errors pass without it.</summary>
    public const string Error = "x-gateway-error";

    /// <summary>Takes away what only the gateway may say, should upstream have said it.</summary>
    public static void Claim(HttpResponse response)
    {
        response.Headers.Remove(Error);
        response.Headers.Remove(Rule);
    }

    public static void Apply(HttpContext context)
    {
        var request = GatewayContext.Of(context);
        var headers = context.Response.Headers;

        // Upstream's own id stays, should it send one: nothing of an answer is altered. The log line carries whichever went out.
        headers.TryAdd(RequestId, request.RequestId);
        if (request.LimitResult is { } limits)
        {
            RateLimitHeaders.Write(headers, limits);
        }

        if (request.HasSnapshot
            && request.Snapshot.Settings.Server.RuleHeader
            && context.Features.Get<IProviderMappingFeature>()?.Decision.AppliedRules is { } rules)
        {
            headers[Rule] = rules;
        }
    }
}
