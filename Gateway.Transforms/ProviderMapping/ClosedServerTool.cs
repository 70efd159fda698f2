using OpenRouterGateway.Transforms.RequestBody.Tools;

namespace OpenRouterGateway.Transforms.ProviderMapping;

/// <summary>A server tool that an enforced rule does not allow.</summary>
/// <param name="Tool">The tool.</param>
/// <param name="Rule">The first rule that closes it.</param>
internal readonly record struct ClosedServerTool(ServerToolUse Tool, ProviderRule Rule)
{
    /// <summary>Finds the tools that the matching enforced rules do not allow.</summary>
    /// <param name="tools">The server tools of a request.</param>
    /// <param name="enforced">The indexes of the enforced rules that match the request.</param>
    /// <param name="rules">All rules.</param>
    public static List<ClosedServerTool> FindAll(IReadOnlyList<ServerToolUse> tools, List<int> enforced, IReadOnlyList<ProviderRule> rules)
    {
        var closed = new List<ClosedServerTool>();
        foreach (var tool in tools)
        {
            foreach (var i in enforced)
            {
                if (rules[i].Closes(tool.Name))
                {
                    closed.Add(new ClosedServerTool(tool, rules[i]));
                    break;
                }
            }
        }

        return closed;
    }
}
