namespace Gateway.Teams;

/// <summary>A team and the key of a request. One object per key, created with the settings snapshot.</summary>
internal sealed record CallerIdentity(Team Team, TeamKey Key);
