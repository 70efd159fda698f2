using System.Diagnostics.CodeAnalysis;

namespace Gateway.Teams;

/// <summary>All teams of a settings snapshot, found by the hash of a key. Immutable.</summary>
internal sealed class TeamDirectory
{
    private readonly Dictionary<string, Team> _byId;

    public TeamDirectory(IReadOnlyList<Team> teams)
    {
        Teams = teams;
        _byId = teams.ToDictionary(team => team.Id, StringComparer.Ordinal);
    }

    public static TeamDirectory Empty { get; } = new([]);

    /// <summary>The teams in the order of the settings.</summary>
    public IReadOnlyList<Team> Teams { get; }

    /// <summary>Whether callers bring their own OpenRouter keys.</summary>
    public bool IsEmpty => Teams.Count == 0;

    /// <summary>A team by its id.</summary>
    public bool TryGet(string id, [NotNullWhen(true)] out Team? team) => _byId.TryGetValue(id, out team);
}
