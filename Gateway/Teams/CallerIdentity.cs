namespace Gateway.Teams;

/// <summary>A team and the key of a request. One object per key, created with the settings snapshot.</summary>
internal sealed record CallerIdentity(Team Team, TeamKey Key)
{
    /// <summary>The latest use of the key, once <see cref="KeyUses"/> has noted one.</summary>
    internal KeyUse? Use { get; set; }
}
