namespace OpenRouterGateway.Transforms.RequestBody.Tools;

/// <summary>A use of a server tool or plugin, which OpenRouter executes by itself. Immutable.</summary>
/// <param name="Name">
/// The tool's <c>type</c> as written (<c>openrouter:web_search</c>), <c>plugin:ID</c>, <c>preset:SLUG</c> or <c>prompt:ID</c>; <see cref="Unknown"/> for an
/// element without a readable type.
/// </param>
/// <param name="Element">
/// Index into <see cref="ServerToolFacts.Elements"/>; -1 if the tool is not an element of the body's own <c>tools</c>, and cannot be removed.
/// </param>
/// <param name="Models">The models that it names.</param>
/// <param name="NamesAnyModel">Whether it may call models that it does not name: it names a wildcard, or chooses by itself.</param>
internal sealed record ServerToolUse(string Name, int Element, IReadOnlyList<string> Models, bool NamesAnyModel)
{
    /// <summary>The name of an element without a readable type.</summary>
    public const string Unknown = "(unknown)";

    private const int DisplayLength = 60;

    /// <summary>The name of the web search plugin, which <c>:online</c> and <c>web_search_options</c> enable as well.</summary>
    public const string WebPlugin = PluginPrefix + "web";

    /// <summary>The beginning of the names of plugins.</summary>
    public const string PluginPrefix = "plugin:";

    /// <summary>The beginning of the names of presets.</summary>
    public const string PresetPrefix = "preset:";

    /// <summary>The beginning of the names of stored prompts.</summary>
    public const string PromptPrefix = "prompt:";

    /// <summary>The name for messages: shortened, without control characters.</summary>
    public string DisplayName
    {
        get
        {
            var text = Name.Length <= DisplayLength ? Name : Name[..DisplayLength] + "…";
            return string.Concat(text.Select(static c => char.IsControl(c) || char.IsSurrogate(c) ? '\uFFFD' : c));
        }
    }

    /// <summary>The member of the body that uses it.</summary>
    public string Member => Name.StartsWith(PluginPrefix, StringComparison.Ordinal) ? "plugins"
        : Name.StartsWith(PresetPrefix, StringComparison.Ordinal) ? "model"
        : Name.StartsWith(PromptPrefix, StringComparison.Ordinal) ? "prompt"
        : "tools";
}
