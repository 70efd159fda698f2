using Gateway.Configuration;
using Gateway.Configuration.Reading;
using Gateway.Teams;
using OpenRouterGateway.Transforms.ProviderMapping.Patterns;

namespace Gateway.Reports;

/// <summary>
/// Warnings about the budget and the models of a single key that its team's make pointless. A key can only use less than its team.
/// </summary>
internal static class KeyWarnings
{
    // A character that no model name has: it stands for any run of characters.
    private const char AnyRun = '\u0001';

    /// <summary>Finds the warnings.</summary>
    public static IEnumerable<SettingsFault> Find(SettingsSnapshot snapshot)
    {
        foreach (var team in snapshot.Teams.Teams)
        {
            for (var i = 0; i < team.Keys.Count; i++)
            {
                var key = team.Keys[i];
                if (team.Budget is { } budget && key.Budget is { } own && own.Period == budget.Period && own.Limit > budget.Limit)
                {
                    yield return new SettingsFault(
                        $"{team.Source}:Keys:{i}:Budget:Usd",
                        $"{own.Limit} is more than the budget of the team, {TeamDescription.Budget(budget)}: the key cannot use it up");
                }

                if (key.Rights.Allowed is { } allowed && allowed.All(pattern => AllowsNothing(team.Rights, pattern.Text)))
                {
                    yield return new SettingsFault(
                        $"{team.Source}:Keys:{i}:AllowedModels",
                        $"allows the key {key.Label} no model: the team may use {TeamDescription.Rights(team.Rights)}");
                }
            }
        }
    }

    private static bool AllowsNothing(ModelRights team, string pattern) =>
        team.Allowed?.Any(allowed => Overlap(allowed.Text, pattern)) == false
        || (team.Denied.Count > 0 && new ModelPatternSet(team.Denied).IsMatch(pattern.Replace('*', AnyRun)));

    /// <summary>Whether a name exists that both patterns match.</summary>
    internal static bool Overlap(string one, string other)
    {
        // overlaps[j]: whether the read part of one pattern and the first j characters of the other match a common name.
        var overlaps = new bool[other.Length + 1];
        overlaps[0] = true;
        for (var j = 0; j < other.Length && other[j] == '*'; j++)
        {
            overlaps[j + 1] = true;
        }

        foreach (var character in one)
        {
            var next = new bool[other.Length + 1];
            next[0] = character == '*' && overlaps[0];
            for (var j = 0; j < other.Length; j++)
            {
                next[j + 1] = character == '*' || other[j] == '*'
                    ? overlaps[j + 1] || next[j] || overlaps[j]
                    : overlaps[j] && char.ToUpperInvariant(character) == char.ToUpperInvariant(other[j]);
            }

            overlaps = next;
        }

        return overlaps[^1];
    }
}
