namespace Gateway.Teams;

/// <summary>The team of a request, as its key sees it, and the key. One object per key, created with the settings snapshot.</summary>
internal sealed record CallerIdentity(Team Team, TeamKey Key)
{
    /// <summary>The latest use of the key, once <see cref="KeyUses"/> has noted one.</summary>
    internal KeyUse? Use { get; set; }
}
