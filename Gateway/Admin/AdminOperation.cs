namespace Gateway.Admin;

/// <summary>The description of an endpoint of the admin address, attached to its route. The OpenAPI document is generated from it.</summary>
/// <param name="Id">The unique name for generated clients.</param>
/// <param name="Summary">One sentence.</param>
internal sealed record AdminOperation(string Id, string Summary)
{
    /// <summary>The parameters in the path and in the query string.</summary>
    public IReadOnlyList<AdminParameter> Parameters { get; init; } = [];

    /// <summary>The JSON schema of the request's body; <see langword="null"/> without a body.</summary>
    public string? BodySchema { get; init; }

    /// <summary>The media types of the response, with the JSON schema of each. A schema is computed when the document is requested.</summary>
    public required IReadOnlyList<(string MediaType, Func<string> Schema)> Answers { get; init; }

    /// <summary>Whether the endpoint answers without the token.</summary>
    public bool IsOpen { get; init; }
}
