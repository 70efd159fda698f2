namespace Gateway.Observability;

/// <summary>The tags of a generation's metrics. Only <see cref="Endpoint"/> is required.</summary>
/// <param name="Team">Id of the team; <see langword="null"/> when no teams are configured.</param>
/// <param name="Endpoint">
/// The endpoint below the base address: <c>/chat/completions</c>. Free text is taken; unknown ones count together.
/// </param>
/// <param name="SentModel">The model that went upstream: text of the caller, unless one of the next two vouches for it.</param>
/// <param name="IsPriced">Whether the price list knows <paramref name="SentModel"/>.</param>
/// <param name="AnsweredModel">The model that answered, in upstream's words.</param>
/// <param name="Provider">The provider that answered, in upstream's words.</param>
internal readonly record struct MeteredGeneration(
    string? Team, string Endpoint, string? SentModel, bool IsPriced, string? AnsweredModel, string? Provider);
