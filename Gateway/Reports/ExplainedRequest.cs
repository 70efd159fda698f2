using Gateway.Configuration;
using Gateway.Teams;

namespace Gateway.Reports;

/// <summary>A request to explain: a POST with a JSON body.</summary>
/// <param name="Snapshot">The settings.</param>
/// <param name="Team">The team that sends the request; <see langword="null"/> for a client without a team.</param>
/// <param name="Path">The request's path.</param>
/// <param name="Body">The request's body.</param>
internal sealed record ExplainedRequest(SettingsSnapshot Snapshot, Team? Team, PathString Path, ReadOnlyMemory<byte> Body)
{
    // Has no limits of its own.
    private static readonly TeamKey AnyKey = new() { Label = "", Hash = default };

    /// <summary>The key that the request carries, if it is known; by default the only key of the team.</summary>
    public TeamKey? Key { get; init; } = Team is { Keys: [var only] } ? only : null;

    /// <summary>Whether the limits of a key are left out because the key is not known.</summary>
    public bool LeavesOutKeys => Key is null && Team?.Keys.Any(static key => !key.Limits.IsNone) == true;

    /// <summary>The caller; <see langword="null"/> without a team.</summary>
    public CallerIdentity? Caller => Team is null ? null : new CallerIdentity(Team, Key ?? AnyKey);
}
