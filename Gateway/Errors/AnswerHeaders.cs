using Gateway.Transforms.ProviderMapping;

namespace Gateway.Errors;

/// <summary>What every answer says of its request: its id, and which rule was applied.</summary>
internal static class AnswerHeaders
{
    public const string RequestId = "x-request-id";
    public const string Rule = "x-gateway-rule";

    public static void Apply(HttpContext context)
    {
        var request = GatewayContext.Of(context);
        var headers = context.Response.Headers;

        // Upstream's own id stays, should it send one: nothing of an answer is altered. The log line carries whichever went out.
        headers.TryAdd(RequestId, request.RequestId);
        if (request.HasSnapshot
            && request.Snapshot.Settings.Server.RuleHeader
            && context.Features.Get<IProviderMappingFeature>()?.Decision.AppliedRules is { } rules)
        {
            headers[Rule] = rules;
        }
    }
}
