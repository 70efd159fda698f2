namespace Gateway.Ledger;

/// <summary>Tells which team an earlier call belongs to.</summary>
internal interface IGenerationOwnership
{
    /// <summary>Whether a generation, or a video, was requested by a team.</summary>
    /// <param name="team">The team's id.</param>
    /// <param name="id">Its id from upstream.</param>
    ValueTask<bool> OwnsAsync(string team, string id);
}
