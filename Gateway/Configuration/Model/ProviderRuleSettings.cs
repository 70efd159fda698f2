using System.Text.Json;
using Gateway.Configuration.Tree;
using OpenRouterGateway.Transforms.ProviderMapping;

namespace Gateway.Configuration.Model;

/// <summary>An entry of <c>ProviderMapping:Rules</c>.</summary>
internal sealed record ProviderRuleSettings : ISettings<ProviderRuleSettings>
{
    /// <summary>
    /// The name in the response header <c>x-gateway-rule</c>: <c>[A-Za-z0-9._-]{1,64}</c>. Default: <c>rule-N</c>, counted from 1.
    /// </summary>
    public string? Name { get; init; }

    /// <summary>One or more model patterns; <c>*</c> matches any run of characters. Required.</summary>
    public required IReadOnlyList<string> Model { get; init; }

    /// <summary>Which block wins if the client sends a <c>provider</c> of its own. Default: <c>KeepClient</c>.</summary>
    public WhenClientSetsProvider WhenClientSetsProvider { get; init; }

    /// <summary>
    /// Patterns of the server tools that stay open under an <c>Enforce</c> rule whose block restricts providers. Default: none.
    /// </summary>
    public IReadOnlyList<string>? ServerTools { get; init; }

    /// <summary>The <c>provider</c> block, with OpenRouter's own member names. Required.</summary>
    public required JsonElement Provider { get; init; }

    /// <inheritdoc/>
    public static ProviderRuleSettings Create(SettingsMembers members) => new()
    {
        Name = members.OptionalText(nameof(Name)),
        Model = members.Texts(nameof(Model)),
        WhenClientSetsProvider = members.Word<WhenClientSetsProvider>(nameof(WhenClientSetsProvider)),
        ServerTools = members.OptionalTexts(nameof(ServerTools)),
        Provider = members.Json(nameof(Provider)),
    };
}
