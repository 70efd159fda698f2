namespace OpenRouterGateway.Transforms.RequestBody.Tools;

/// <summary>The members of a tool or plugin that name models. Flags.</summary>
[Flags]
internal enum ModelMembers : byte
{
    /// <summary>No member.</summary>
    None = 0,

    /// <summary><c>model</c>.</summary>
    Model = 1,

    /// <summary><c>models</c>, which no known tool reads.</summary>
    Models = 2,

    /// <summary><c>analysis_models</c>, the panel of fusion.</summary>
    AnalysisModels = 4,

    /// <summary><c>allowed_models</c> of a router.</summary>
    AllowedModels = 8,
}
