namespace Gateway.Teams;

/// <summary>An endpoint of OpenRouter's that is open to teams. One object for each row of the table.</summary>
/// <param name="Path">Its path below the base, such as <c>/chat/completions</c> or <c>/videos/{id}</c>.</param>
/// <param name="Kind">What a call of it is.</param>
internal sealed record TeamEndpoint(string Path, TeamEndpointKind Kind)
{
    /// <summary>Whether OpenRouter bills a call.</summary>
    public bool IsMetered => Kind == TeamEndpointKind.Inference;
}

/// <summary>What a call of an endpoint is.</summary>
internal enum TeamEndpointKind
{
    /// <summary>Tells of models and providers, or counts; costs nothing.</summary>
    Catalogue,

    /// <summary>Runs a model; metered.</summary>
    Inference,

    /// <summary>Answers about one earlier call, to the team whose call it was.</summary>
    OwnCall,
}
