namespace Gateway.Teams;

/// <summary>An OpenRouter endpoint that teams may call. One object per row of the table.</summary>
/// <param name="Methods">The allowed methods.</param>
/// <param name="Path">Its path below the base, such as <c>/chat/completions</c> or <c>/videos/{id}</c>.</param>
/// <param name="Kind">The kind of endpoint.</param>
internal sealed record TeamEndpoint(IReadOnlyList<string> Methods, string Path, TeamEndpointKind Kind)
{
    /// <summary>The endpoint that creates videos: its response names a job, which later requests query by its id.</summary>
    private const string Videos = "/videos";

    /// <summary>The end of the path of a list of models of one kind.</summary>
    public const string Models = "/models";

    /// <summary>The member that names the model of an entry in most lists of models. The team's aliases are added to these lists.</summary>
    public const string ModelId = "id";

    private readonly int _author = Array.IndexOf(Path.Split('/'), "{author}");

    /// <summary>The member that names the model of an entry, if the response is a list of models; otherwise <see langword="null"/>.</summary>
    public string? ListMember { get; } = Kind != TeamEndpointKind.Catalogue ? null : Path switch
    {
        "/models" or "/models/count" or "/models/user" or "/embeddings/models" or "/images/models" or "/videos/models" => ModelId,
        "/endpoints/zdr" => "model_id",
        _ => null,
    };

    /// <summary>
    /// The path of the endpoint that calls the models of a list: that of their kind, such as <c>/images</c> for <c>/images/models</c>, or chat
    /// completions for a list of all kinds. <see langword="null"/> if the response is no list of models.
    /// </summary>
    public string? CalledAt { get; } = Kind != TeamEndpointKind.Catalogue ? null : Path switch
    {
        "/embeddings/models" or "/images/models" or "/videos/models" => Path[..^Models.Length],
        "/models" or "/models/count" or "/models/user" or "/endpoints/zdr" => "/chat/completions",
        _ => null,
    };

    /// <summary>Whether the response is the number of models.</summary>
    public bool CountsModels { get; } = Path == "/models/count";

    /// <summary>Whether the <c>id</c> in the response is the id of a job that the team queries later.</summary>
    public bool OrdersAJob { get; } = Kind == TeamEndpointKind.Inference && Path == Videos;

    /// <summary>Whether only a team with a budget may call it: without one there are no credits.</summary>
    public bool NeedsBudget { get; } = Path == "/credits";

    /// <summary>Whether OpenRouter bills a request.</summary>
    public bool IsMetered => Kind == TeamEndpointKind.Inference;

    /// <summary>Whether OpenRouter may answer with an event stream. Elsewhere a member <c>stream</c> of the body has no effect.</summary>
    public bool MayStream { get; } = Path is not ("/embeddings" or "/rerank");

    /// <summary>Whether OpenRouter runs server tools in a loop and accepts <c>stop_server_tools_when</c>.</summary>
    public bool RunsServerTools { get; } = Path is "/chat/completions" or "/responses" or "/messages";

    /// <summary>The model in a path of this endpoint, such as <c>openai/gpt-4o</c>; <see langword="null"/> if the path has none.</summary>
    public string? ModelOf(PathString path) =>
        _author >= 0 && path.Value?.Split('/') is { } segments && segments.Length > _author + 1
            ? $"{segments[_author]}/{segments[_author + 1]}"
            : null;

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

    /// <summary>Returns the team's spending and the rest of its budget. The gateway answers it; it is never forwarded.</summary>
    Account,
}
