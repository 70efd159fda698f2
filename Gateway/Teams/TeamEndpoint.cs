namespace Gateway.Teams;

/// <summary>An endpoint of OpenRouter's that is open to teams. One object for each row of the table.</summary>
/// <param name="Path">Its path below the base, such as <c>/chat/completions</c> or <c>/videos/{id}</c>.</param>
/// <param name="Kind">What a call of it is.</param>
internal sealed record TeamEndpoint(string Path, TeamEndpointKind Kind)
{
    /// <summary>Where videos are ordered: what their answer names is a job, which is asked for by its id.</summary>
    private const string Videos = "/videos";

    /// <summary>Whether the answer's own id is what the team asks for later.</summary>
    public bool OrdersAJob => Kind == TeamEndpointKind.Inference && Path == Videos;

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
