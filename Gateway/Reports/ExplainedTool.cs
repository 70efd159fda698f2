using Gateway.Teams;
using OpenRouterGateway.Transforms.ProviderMapping;
using OpenRouterGateway.Transforms.RequestBody.Tools;

namespace Gateway.Reports;

/// <summary>A server tool of an explained request.</summary>
/// <param name="Tool">The tool.</param>
/// <param name="Outcome">Whether it is open or closed, and whether it is removed, reported or refused.</param>
internal sealed record ExplainedTool(ServerToolUse Tool, string Outcome)
{
    /// <summary>Describes a tool by the decisions that were made about it.</summary>
    /// <param name="tool">The tool.</param>
    /// <param name="team">The team; <see langword="null"/> for a client without a team.</param>
    /// <param name="closed">The tools that enforced rules close.</param>
    /// <param name="removal">The tools that are removed; <see langword="null"/> for none.</param>
    public static ExplainedTool Of(
        ServerToolUse tool, Team? team, IReadOnlyList<ClosedServerTool> closed, ServerToolRemoval? removal)
    {
        var rule = closed.Where(one => one.Tool == tool).Select(static one => one.Rule.Name).FirstOrDefault();
        var isOpen = team?.ServerTools.IsOpen(tool.Name) != false;
        var outcome = (rule, isOpen) switch
        {
            ({ } name, _) => $"closed by rule {name}",
            (_, false) => $"closed by ServerTools of team {team!.Id}",
            _ => "open",
        };
        if (removal?.Removes(tool) == true)
        {
            outcome += ", removed";
        }
        else if (rule is null && !isOpen)
        {
            outcome += team!.ServerTools.WhenClosed == WhenToolClosed.Report ? ", reported" : ", refused";
        }
        else if (rule is not null)
        {
            outcome += ", refused";
        }

        string[] models = [.. tool.Models, .. tool.NamesAnyModel ? (string[])["any model"] : []];
        return new ExplainedTool(tool, models.Length == 0 ? outcome : $"{outcome}; names {string.Join(", ", models)}");
    }
}
