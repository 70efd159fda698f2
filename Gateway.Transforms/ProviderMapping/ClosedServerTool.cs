using OpenRouterGateway.Transforms.RequestBody.Tools;

namespace OpenRouterGateway.Transforms.ProviderMapping;

/// <summary>A server tool that an enforced rule does not allow.</summary>
/// <param name="Tool">The tool.</param>
/// <param name="Rule">The first rule that closes it.</param>
internal readonly record struct ClosedServerTool(ServerToolUse Tool, ProviderRule Rule);
