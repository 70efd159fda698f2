using System.Collections.Concurrent;

namespace Gateway.Teams;

/// <summary>The latest use of every key in this process. Kept across reloads, which replace the keys of the settings. Thread-safe.</summary>
internal sealed class KeyUses
{
    private readonly ConcurrentDictionary<(string Team, string Key), KeyUse> _uses = new();

    /// <summary>The latest use of a key; the same object for the same team and label.</summary>
    /// <param name="team">Id of the team.</param>
    /// <param name="key">Label of the key.</param>
    public KeyUse Of(string team, string key) => _uses.GetOrAdd((team, key), static _ => new KeyUse());

    /// <summary>Notes that a request carried a key.</summary>
    /// <param name="caller">The team and the key.</param>
    /// <param name="at">When the request arrived.</param>
    public void Note(CallerIdentity caller, DateTimeOffset at) => (caller.Use ??= Of(caller.Team.Id, caller.Key.Label)).Note(at);
}
