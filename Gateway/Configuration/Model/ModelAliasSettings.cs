using Gateway.Configuration.Tree;

namespace Gateway.Configuration.Model;

/// <summary>An entry of <c>ProviderMapping:Aliases</c>.</summary>
internal sealed record ModelAliasSettings : ISettings<ModelAliasSettings>
{
    /// <summary>The pattern of names to replace. Required.</summary>
    public required string Model { get; init; }

    /// <summary>The model that is sent instead. Required.</summary>
    public required string Use { get; init; }

    /// <summary>Models to fall back to, unless the request names its own. Default: none.</summary>
    public IReadOnlyList<string>? Fallbacks { get; init; }

    /// <inheritdoc/>
    public static ModelAliasSettings Create(SettingsMembers members) => new()
    {
        Model = members.Text(nameof(Model)),
        Use = members.Text(nameof(Use)),
        Fallbacks = members.OptionalTexts(nameof(Fallbacks)),
    };
}
