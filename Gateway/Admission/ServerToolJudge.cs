using Gateway.Errors;
using Gateway.Teams;
using OpenRouterGateway.Transforms.ProviderMapping;
using OpenRouterGateway.Transforms.RequestBody.Tools;

namespace Gateway.Admission;

/// <summary>
/// Judges the server tools of a team's request: refuses, removes or reports those that are closed to the team. Tools that an enforced rule
/// closes are removed as well where the team removes, and otherwise left to the rule, which refuses them.
/// </summary>
internal static class ServerToolJudge
{
    /// <summary>Judges the server tools.</summary>
    /// <param name="team">The calling team.</param>
    /// <param name="tools">The server tools that the request uses.</param>
    /// <param name="reviewed">The request.</param>
    public static ServerToolVerdict Judge(Team team, IReadOnlyList<ServerToolUse> tools, in RequestReviewContext reviewed)
    {
        if (tools.Count == 0)
        {
            return default;
        }

        var rights = team.ServerTools;
        var closed = tools.Where(tool => !rights.IsOpen(tool.Name)).ToArray();
        switch (rights.WhenClosed)
        {
            case WhenToolClosed.Refuse:
                return closed is [var first, ..] ? new(GatewayError.ServerToolNotAllowed(first, team.Id)) : default;
            case WhenToolClosed.Report:
                return closed.Length > 0 ? new(Reported: closed) : default;
            default:
                return Remove(team, closed, reviewed);
        }
    }

    private static ServerToolVerdict Remove(Team team, ServerToolUse[] closed, in RequestReviewContext reviewed)
    {
        ServerToolUse[] all = [.. closed, .. reviewed.Closed.Select(static tool => tool.Tool).Except(closed)];
        if (all.Length == 0)
        {
            return default;
        }

        if (ServerToolRemoval.TryCreate(reviewed.Facts, reviewed.Body, all, out var removal, out var needed))
        {
            return new(Removal: removal);
        }

        return closed.Contains(needed) ? new(GatewayError.ServerToolNotAllowed(needed, team.Id, cannotBeRemoved: true)) : default;
    }
}
