namespace Gateway.Teams;

/// <summary>A team and the key that it calls with. One object per key, made with the settings.</summary>
internal sealed record CallerIdentity(Team Team, TeamKey Key);
