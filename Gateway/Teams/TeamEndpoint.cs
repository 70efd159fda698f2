namespace Gateway.Teams;

/// <summary>An OpenRouter endpoint that is open to teams. One object per row of the table.</summary>
/// <param name="Methods">The methods that are open.</param>
/// <param name="Path">Its path below the base, such as <c>/chat/completions</c> or <c>/videos/{id}</c>.</param>
/// <param name="Kind">What a call of it is.</param>
internal sealed record TeamEndpoint(IReadOnlyList<string> Methods, string Path, TeamEndpointKind Kind)
{
    /// <summary>The endpoint that orders videos: its answer names a job, which a later request asks for by its id.</summary>
    private const string Videos = "/videos";

    /// <summary>Whether the answer's own <c>id</c> is the id that the team asks for later.</summary>
    public bool OrdersAJob { get; } = Kind == TeamEndpointKind.Inference && Path == Videos;

    /// <summary>Whether OpenRouter bills a call.</summary>
    public bool IsMetered => Kind == TeamEndpointKind.Inference;

    /// <summary>Whether a method is open; methods are case-sensitive.</summary>
    public bool Takes(string method)
    {
        foreach (var known in Methods)
        {
            if (string.Equals(known, method, StringComparison.Ordinal))
            {
                return true;
            }
        }

        return false;
    }
}

/// <summary>What a call of an endpoint is.</summary>
internal enum TeamEndpointKind
{
    /// <summary>Lists models and providers, or counts tokens; costs nothing.</summary>
    Catalogue,

    /// <summary>Runs a model; metered.</summary>
    Inference,

    /// <summary>Answers about one earlier call, to the team that made it.</summary>
    OwnCall,
}
