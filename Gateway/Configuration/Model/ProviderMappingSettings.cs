namespace Gateway.Configuration.Model;

/// <summary>Section <c>ProviderMapping</c>: rules that select the providers of models. Reloadable.</summary>
internal sealed record ProviderMappingSettings
{
    /// <summary>The rules in order, without those of flags and variables.</summary>
    public IReadOnlyList<ProviderRuleSettings> Rules { get; init; } = [];

    /// <summary>The aliases in order.</summary>
    public IReadOnlyList<ModelAliasSettings> Aliases { get; init; } = [];
}
