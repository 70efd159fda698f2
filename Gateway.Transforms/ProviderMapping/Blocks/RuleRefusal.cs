using OpenRouterGateway.Transforms.RequestBody;
using OpenRouterGateway.Transforms.RequestBody.Tools;

namespace OpenRouterGateway.Transforms.ProviderMapping.Blocks;

/// <summary>The refusal of a request by an enforced rule.</summary>
/// <param name="Rule">The rule.</param>
/// <param name="Rejection">The rejection that the client receives.</param>
internal sealed record RuleRefusal(ProviderRule Rule, RequestRejection Rejection)
{
    /// <summary>The rule's list and the requested list have no entry in common.</summary>
    public static RuleRefusal NothingLeft(ProviderRule rule, string member) => NotAllowed(
        rule,
        member,
        $"Rule '{rule.Name}' refuses the request: no entry of the requested 'provider.{member}' is allowed.");

    /// <summary>The endpoint does not accept a member that the rule enforces.</summary>
    public static RuleRefusal NotTaken(ProviderRule rule, string member) => NotAllowed(
        rule, member, $"Rule '{rule.Name}' refuses the request: it sets 'provider.{member}', which the image endpoints do not accept.");

    /// <summary>The client's value cannot be narrowed because it has the wrong type.</summary>
    public static RuleRefusal WrongType(ProviderRule rule, string member, string expected) => new(
        rule, new RequestRejection(400, "invalid_provider", $"'provider.{member}' must be {expected}.", $"provider.{member}"));

    /// <summary>The rule restricts providers or their use of data, and a server tool of the request is not bound by that.</summary>
    public static RuleRefusal ServerTool(ProviderRule rule, ServerToolUse tool) => new(
        rule,
        new RequestRejection(
            403,
            "server_tool_not_allowed",
            $"Rule '{rule.Name}' refuses the server tool '{tool.DisplayName}': no provider rule binds it, and ServerTools of the rule does not list it.",
            tool.Member));

    private static RuleRefusal NotAllowed(ProviderRule rule, string member, string message) =>
        new(rule, new RequestRejection(403, "provider_not_allowed", message, $"provider.{member}"));
}
