namespace Gateway.Teams;

/// <summary>An OpenRouter endpoint that teams may call. One object per row of the table.</summary>
/// <param name="Methods">The allowed methods.</param>
/// <param name="Path">Its path below the base, such as <c>/chat/completions</c> or <c>/videos/{id}</c>.</param>
/// <param name="Kind">The kind of endpoint.</param>
internal sealed record TeamEndpoint(IReadOnlyList<string> Methods, string Path, TeamEndpointKind Kind)
{
    /// <summary>The endpoint that creates videos: its response names a job, which later requests query by its id.</summary>
    private const string Videos = "/videos";

    /// <summary>Whether the <c>id</c> in the response is the id of a job that the team queries later.</summary>
    public bool OrdersAJob { get; } = Kind == TeamEndpointKind.Inference && Path == Videos;

    /// <summary>Whether OpenRouter bills a request.</summary>
    public bool IsMetered => Kind == TeamEndpointKind.Inference;

    /// <summary>Whether OpenRouter runs server tools in a loop and accepts <c>stop_server_tools_when</c>.</summary>
    public bool RunsServerTools { get; } = Path is "/chat/completions" or "/responses" or "/messages";

    /// <summary>Whether a method is allowed; methods are case-sensitive.</summary>
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

/// <summary>The kinds of endpoints.</summary>
internal enum TeamEndpointKind
{
    /// <summary>Lists models and providers, or counts tokens; free of charge.</summary>
    Catalogue,

    /// <summary>Runs a model; metered.</summary>
    Inference,

    /// <summary>Returns one earlier generation or video, to the team that created it.</summary>
    OwnCall,
}
