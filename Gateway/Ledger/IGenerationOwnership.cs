namespace Gateway.Ledger;

/// <summary>Decides whether an earlier request belongs to a team.</summary>
internal interface IGenerationOwnership
{
    /// <summary>Whether a team requested a generation or a video.</summary>
    /// <param name="team">The team's id.</param>
    /// <param name="id">The id that upstream gave it.</param>
    ValueTask<bool> OwnsAsync(string team, string id);
}
