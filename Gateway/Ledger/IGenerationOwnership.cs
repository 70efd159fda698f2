namespace Gateway.Ledger;

/// <summary>Knows whose an earlier call is.</summary>
internal interface IGenerationOwnership
{
    /// <summary>Whether a generation, or a video, was asked for by a team.</summary>
    /// <param name="team">The team's id.</param>
    /// <param name="id">The id that upstream gave it.</param>
    ValueTask<bool> OwnsAsync(string team, string id);
}
