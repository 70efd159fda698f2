namespace Gateway.Ledger;

/// <summary>The latest use of a team's key.</summary>
/// <param name="Team">Id of the team.</param>
/// <param name="Key">Label of the key.</param>
/// <param name="At">When the latest request arrived.</param>
internal sealed record LatestKeyUse(string Team, string Key, DateTimeOffset At);
