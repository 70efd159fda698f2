using Gateway.Configuration.Tree;

namespace Gateway.Configuration.Model;

/// <summary>Section <c>ProviderMapping</c>: rules that select the providers of models. Reloadable.</summary>
internal sealed record ProviderMappingSettings : ISettings<ProviderMappingSettings>
{
    /// <summary>The rules in order, without those of flags and variables.</summary>
    public IReadOnlyList<ProviderRuleSettings> Rules { get; init; } = [];

    /// <summary>The aliases in order.</summary>
    public IReadOnlyList<ModelAliasSettings> Aliases { get; init; } = [];

    /// <inheritdoc/>
    public static ProviderMappingSettings Create(SettingsMembers members) => new()
    {
        Rules = members.List<ProviderRuleSettings>(nameof(Rules), keepsPlaces: true),
        Aliases = members.List<ModelAliasSettings>(nameof(Aliases), keepsPlaces: true),
    };
}
