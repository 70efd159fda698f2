namespace Gateway.Observability;

/// <summary>The tags of a generation's metrics. Only <see cref="Endpoint"/> is required.</summary>
/// <param name="Team">The id of the team; <see langword="null"/> without teams.</param>
/// <param name="Endpoint">
/// The path of the endpoint below the base address, such as <c>/chat/completions</c>. Unknown paths share one tag value.
/// </param>
/// <param name="SentModel">
/// The model in the request to upstream. It may be free text of the client, even if the call was answered: another model of the request may
/// have served it.
/// </param>
/// <param name="IsPriced">Whether the price of <paramref name="SentModel"/> is known.</param>
/// <param name="AnsweredModel">Upstream's name of the model that served the call.</param>
/// <param name="Provider">Upstream's name of the provider that served the call.</param>
internal readonly record struct MeteredGeneration(
    string? Team, string Endpoint, string? SentModel, bool IsPriced, string? AnsweredModel, string? Provider)
{
    /// <summary>Whether the price list or upstream vouches for <see cref="SentModel"/>.</summary>
    public bool IsSentModelKnown => IsPriced || string.Equals(SentModel, AnsweredModel, StringComparison.OrdinalIgnoreCase);
}
