namespace Gateway.Configuration.Model;

/// <summary>Section <c>ProviderMapping</c>: which providers may serve which models. Reloaded.</summary>
internal sealed record ProviderMappingSettings
{
    /// <summary>The rules in order, those of flags and variables not among them.</summary>
    public IReadOnlyList<ProviderRuleSettings> Rules { get; init; } = [];

    /// <summary>The aliases in order.</summary>
    public IReadOnlyList<ModelAliasSettings> Aliases { get; init; } = [];
}
