using System.Globalization;
using Gateway.Primitives;
using Gateway.Teams;
using OpenRouterGateway.Transforms.ProviderMapping.Patterns;

namespace Gateway.Reports;

/// <summary>Describes a team for <c>check</c> and <c>explain</c>. Contains neither secrets nor their hashes.</summary>
internal static class TeamDescription
{
    /// <summary>The description in parts.</summary>
    public static CheckedTeam Of(Team team) => new(
        team.Id,
        [.. team.Keys.Select(Key)],
        Rights(team.Rights),
        ServerTools(team),
        Limits(team.Limits),
        Budget(team.Budget),
        team.RuleSummaries.Count);

    /// <summary>The description on one line.</summary>
    public static string ToText(CheckedTeam team) => string.Join("; ",
    [
        $"keys {string.Join(", ", team.Keys)}",
        $"models {team.Models}",
        $"server tools {team.ServerTools}",
        $"limits {team.Limits}",
        $"budget {team.Budget}",
        string.Create(CultureInfo.InvariantCulture, $"own rules {team.OwnRules}"),
    ]);

    public static string Rights(ModelRights rights)
    {
        if (rights.IsUnlimited)
        {
            return "all models";
        }

        var allowed = rights.Allowed is { } patterns ? Join(patterns) : "all models";
        return rights.Denied.Count == 0 ? allowed : $"{allowed}, but not {Join(rights.Denied)}";
    }

    /// <summary>The server tools that are open, and the policy for the others.</summary>
    public static string ServerTools(Team team)
    {
        var tools = team.ServerTools;
        var open = tools.Allowed switch
        {
            null => "those open by default",
            [] => "none",
            var patterns => Join(patterns),
        };
        var others = tools.WhenClosed switch
        {
            WhenToolClosed.Refuse => "others refused",
            WhenToolClosed.Remove => "others removed",
            WhenToolClosed.Report => "others reported",
            _ => throw new InvalidOperationException($"{tools.WhenClosed} is not described."),
        };
        return !team.HasBudget ? $"{open}, {others}" : $"{open}, {others}, up to {tools.MaxCost} USD a request";
    }

    public static string Limits(TeamLimits limits)
    {
        if (limits.IsNone)
        {
            return "none";
        }

        (int? Value, string Unit)[] all =
        [
            (limits.RequestsPerMinute, "requests a minute"), (limits.TokensPerMinute, "tokens a minute"),
            (limits.ConcurrentRequests, "requests at a time"),
        ];
        return string.Join(", ", all.Where(one => one.Value is not null).Select(
            one => string.Create(CultureInfo.InvariantCulture, $"{one.Value} {one.Unit}")));
    }

    public static string Budget(TeamBudget? budget) => budget switch
    {
        null => "none",
        { Period: BudgetPeriod.Total } => $"{budget.Limit} USD in total",
        _ => $"{budget.Limit} USD a {budget.Period.ToString().ToLowerInvariant()}",
    };

    private static string Key(TeamKey key)
    {
        var text = key.Label;
        if (key.Expires is { } expires)
        {
            text += $" until {expires.ToString("yyyy-MM-dd'T'HH:mm:ssK", CultureInfo.InvariantCulture)}";
        }

        string[] own =
        [
            .. key.Rights.IsUnlimited ? (string[])[] : [$"models {Rights(key.Rights)}"],
            .. key.Limits.IsNone ? (string[])[] : [Limits(key.Limits)],
            .. key.Budget is null ? (string[])[] : [Budget(key.Budget)],
        ];
        return own.Length == 0 ? text : $"{text} ({string.Join("; ", own)})";
    }

    private static string Join(IReadOnlyList<ModelPattern> patterns) => string.Join(", ", patterns.Select(pattern => pattern.Text));
}
