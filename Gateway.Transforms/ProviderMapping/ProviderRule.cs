using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using OpenRouterGateway.Transforms.Json;
using OpenRouterGateway.Transforms.ProviderMapping.Blocks;
using OpenRouterGateway.Transforms.ProviderMapping.Patterns;
using OpenRouterGateway.Transforms.ProviderMapping.Settings;
using OpenRouterGateway.Transforms.RequestBody;

namespace OpenRouterGateway.Transforms.ProviderMapping;

/// <summary>A provider rule: model patterns, and the <c>provider</c> block for requests that name a matching model. Immutable.</summary>
public sealed class ProviderRule
{
    /// <summary>The description of a valid name, for faults.</summary>
    internal const string NameExpected = "1 to 64 of the characters A-Z a-z 0-9 . _ -";

    /// <summary>The fault of a rule without a pattern.</summary>
    internal const string NoPattern = "got no pattern, expected one or more such as \"openai/*\"";

    private const int MaxNameLength = 64;

    private readonly RenderedBlock _forGeneration;
    private readonly RenderedBlock _forEmbeddings;
    private readonly RenderedBlock _forImages;

    private readonly ModelPatternSet _serverTools;
    private readonly bool _closesServerTools;

    private ProviderRule(
        string name, WhenClientSetsProvider mode, ModelPattern[] patterns, ProviderBlock block, IReadOnlyList<ModelPattern> serverTools)
    {
        Name = name;
        Mode = mode;
        Patterns = patterns;
        Block = block;
        Models = [.. patterns.Select(pattern => pattern.Text)];
        ServerTools = [.. serverTools.Select(pattern => pattern.Text)];
        _serverTools = new ModelPatternSet(serverTools);
        _closesServerTools = mode == WhenClientSetsProvider.Enforce && block.RestrictsProviders;
        _forGeneration = Render(RequestEndpoint.Generation);
        _forEmbeddings = Render(RequestEndpoint.Embeddings);
        _forImages = Render(RequestEndpoint.Images);
        AdmitsFastTier = !_forGeneration.IsEmpty && FastTiers.AreAdmittedBy(new ReadOnlySequence<byte>(_forGeneration.Value));
    }

    /// <summary>The rule's name, <c>[A-Za-z0-9._-]{1,64}</c>. Decisions and refusals report it.</summary>
    public string Name { get; }

    /// <summary>Which block wins if the client sends a <c>provider</c> of its own.</summary>
    public WhenClientSetsProvider Mode { get; }

    /// <summary>The model patterns as written. The rule matches if any of them matches.</summary>
    public IReadOnlyList<string> Models { get; }

    /// <summary>
    /// The patterns of the server tools that stay open under the rule, as written: <c>openrouter:web_search</c>, <c>plugin:web</c>,
    /// <c>preset:*</c>. Only a rule in mode <see cref="WhenClientSetsProvider.Enforce"/> has any. Default: empty.
    /// </summary>
    public IReadOnlyList<string> ServerTools { get; }

    /// <summary>
    /// Whether the rule closes the server tools that it does not list: it is enforced, and its block has <c>only</c>,
    /// <c>data_collection: deny</c> or <c>zdr: true</c>, which OpenRouter does not apply to server tools.
    /// </summary>
    public bool ClosesServerTools => _closesServerTools;

    /// <summary>Whether the block admits the fast tier of a provider by its tag, such as <c>openai/priority</c>.</summary>
    internal bool AdmitsFastTier { get; }

    /// <summary>The compiled model patterns.</summary>
    internal IReadOnlyList<ModelPattern> Patterns { get; }

    /// <summary>The parsed block.</summary>
    internal ProviderBlock Block { get; }

    /// <summary>Parses a rule in the shape of the settings.</summary>
    /// <param name="json">
    /// A JSON object with <c>Name</c>, <c>Model</c> (a pattern or a list of patterns), <c>Provider</c> (OpenRouter's own members) and,
    /// optionally, <c>WhenClientSetsProvider</c>. Comments and trailing commas are allowed.
    /// </param>
    /// <exception cref="FormatException">The text has faults; the message lists all of them, one per line.</exception>
    public static ProviderRule Parse([StringSyntax(StringSyntaxAttribute.Json)] string json)
    {
        ArgumentNullException.ThrowIfNull(json);
        return RuleSetsReader.Parse(json, "rule", RuleSetsReader.ReadRule);
    }

    /// <summary>Creates a rule from its parts, and renders its block once.</summary>
    /// <param name="name">The rule's name.</param>
    /// <param name="models">One or more model patterns; a <c>*</c> matches any run of characters.</param>
    /// <param name="provider">The block: a JSON object with OpenRouter's own member names.</param>
    /// <param name="mode">Which block wins if the client sends a <c>provider</c> of its own.</param>
    /// <param name="problems">
    /// Receives every fault and warning, with paths such as <c>Name</c>, <c>Model</c>, <c>Model:1</c> and <c>Provider:order</c>.
    /// </param>
    /// <param name="rule">The rule; <see langword="null"/> after a fault.</param>
    /// <returns>Whether there was no fault. Warnings do not prevent a rule.</returns>
    public static bool TryCreate(
        string name,
        IReadOnlyList<string> models,
        JsonElement provider,
        WhenClientSetsProvider mode,
        ICollection<RuleProblem> problems,
        [NotNullWhen(true)] out ProviderRule? rule) => TryCreate(name, models, provider, mode, serverTools: null, problems, out rule);

    /// <summary>Creates a rule from its parts, and renders its block once.</summary>
    /// <param name="name">The rule's name.</param>
    /// <param name="models">One or more model patterns; a <c>*</c> matches any run of characters.</param>
    /// <param name="provider">The block: a JSON object with OpenRouter's own member names.</param>
    /// <param name="mode">Which block wins if the client sends a <c>provider</c> of its own.</param>
    /// <param name="serverTools">See <see cref="ServerTools"/>; <see langword="null"/> if the setting is missing.</param>
    /// <param name="problems">
    /// Receives every fault and warning, with paths such as <c>Name</c>, <c>Model</c>, <c>Model:1</c> and <c>Provider:order</c>.
    /// </param>
    /// <param name="rule">The rule; <see langword="null"/> after a fault.</param>
    /// <returns>Whether there was no fault. Warnings do not prevent a rule.</returns>
    public static bool TryCreate(
        string name,
        IReadOnlyList<string> models,
        JsonElement provider,
        WhenClientSetsProvider mode,
        IReadOnlyList<string>? serverTools,
        ICollection<RuleProblem> problems,
        [NotNullWhen(true)] out ProviderRule? rule)
    {
        ArgumentNullException.ThrowIfNull(models);
        ArgumentNullException.ThrowIfNull(problems);
        var isNamed = IsName(name);
        if (!isNamed)
        {
            problems.Add(new RuleProblem("Name", $"got {JsonText.Quoted(name)}, expected {NameExpected}"));
        }

        if (models.Count == 0)
        {
            problems.Add(new RuleProblem("Model", NoPattern));
        }

        var patterns = new List<ModelPattern>();
        for (var i = 0; i < models.Count; i++)
        {
            if (ModelPattern.Create(models[i], models.Count == 1 ? "Model" : $"Model:{i}", problems) is { } pattern)
            {
                patterns.Add(pattern);
            }
        }

        if (mode != WhenClientSetsProvider.Enforce && patterns.Count > 0 && patterns.TrueForAll(pattern => pattern.MatchesPresetsOnly))
        {
            problems.Add(new RuleProblem(
                "Model",
                $"{JsonText.Quoted(patterns[0].Text)} matches presets only, and only Enforce rules apply to presets: the rule never applies",
                IsWarning: true));
        }

        var block = ProviderBlockReader.Read(provider, mode, problems);
        var tools = ReadServerTools(serverTools, mode, block, problems);
        rule = isNamed && block is not null && tools is not null && patterns.Count > 0 && patterns.Count == models.Count
            ? new ProviderRule(name, mode, [.. patterns], block, tools)
            : null;
        return rule is not null;
    }

    /// <summary>Parses the shorthand <c>PATTERN=P1,P2</c>, which means <c>{"order":["P1","P2"]}</c>.</summary>
    /// <param name="mapping">The text. It is split at its first <c>=</c>; blanks around names are trimmed.</param>
    /// <param name="name">The rule's name.</param>
    /// <param name="problems">Receives every fault and warning; their paths are empty.</param>
    /// <param name="rule">The rule; <see langword="null"/> after a fault.</param>
    internal static bool TryParseMapping(
        string mapping, string name, ICollection<RuleProblem> problems, [NotNullWhen(true)] out ProviderRule? rule)
    {
        var equals = mapping.IndexOf('=', StringComparison.Ordinal);
        var pattern = equals < 0 ? "" : mapping[..equals].Trim();
        var providers = equals < 0 ? [] : mapping[(equals + 1)..].Split(',', StringSplitOptions.TrimEntries);
        if (pattern.Length == 0 || providers.Contains("") || !JsonText.IsWellFormed(mapping))
        {
            problems.Add(new RuleProblem("", $"got {JsonText.Quoted(mapping)}, expected PATTERN=PROVIDER[,PROVIDER...]"));
            rule = null;
            return false;
        }

        byte[] json = [.. "{\"order\":"u8, .. JsonText.QuoteAll(providers), (byte)'}'];
        using var block = JsonDocument.Parse(json);
        var found = new List<RuleProblem>();
        var isCreated = TryCreate(name, [pattern], block.RootElement, WhenClientSetsProvider.KeepClient, found, out rule);
        foreach (var problem in found)
        {
            problems.Add(problem with { Path = "", Message = $"{JsonText.Quoted(mapping)}: {problem.Message}" });
        }

        return isCreated;
    }

    /// <summary>Whether a text is a valid name of a rule or a rule set.</summary>
    internal static bool IsName(string? name) =>
        name is { Length: >= 1 and <= MaxNameLength } && name.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '_' or '-');

    /// <summary>Whether the rule closes a server tool.</summary>
    /// <param name="tool">The tool's name, see <c>ServerToolUse.Name</c>.</param>
    internal bool Closes(string tool) => _closesServerTools && !_serverTools.IsMatch(tool);

    /// <summary>The block, rendered for a request whose client set no <c>provider</c>.</summary>
    internal RenderedBlock Rendered(RequestEndpoint endpoint) => endpoint switch
    {
        RequestEndpoint.Generation => _forGeneration,
        RequestEndpoint.Embeddings => _forEmbeddings,
        RequestEndpoint.Images => _forImages,
        _ => throw new ArgumentOutOfRangeException(nameof(endpoint), endpoint, null),
    };

    private static List<ModelPattern>? ReadServerTools(
        IReadOnlyList<string>? texts, WhenClientSetsProvider mode, ProviderBlock? block, ICollection<RuleProblem> problems)
    {
        if (texts is null)
        {
            return [];
        }

        if (mode != WhenClientSetsProvider.Enforce)
        {
            problems.Add(new RuleProblem(
                nameof(ServerTools), $"is set on a rule in mode {mode}, which closes no server tools; expected it on Enforce rules only"));
            return null;
        }

        if (block is { RestrictsProviders: false })
        {
            problems.Add(new RuleProblem(
                nameof(ServerTools),
                "has no effect: the rule closes no server tools without only, data_collection \"deny\" or zdr true in its Provider",
                IsWarning: true));
        }

        return ServerToolPatterns.Read(texts, nameof(ServerTools), problems);
    }

    // Rendered by the same steps as for a request, so that the results cannot differ.
    private RenderedBlock Render(RequestEndpoint endpoint)
    {
        var block = new MutableProviderBlock();
        if (Mode != WhenClientSetsProvider.Enforce)
        {
            ProviderFilling.Fill(block, this, endpoint);
            return RenderedBlock.Of(block);
        }

        return ProviderNarrowing.Narrow(block, [this], endpoint, changes: null) is { } refusal
            ? new RenderedBlock(default, refusal.Rejection)
            : RenderedBlock.Of(block);
    }
}
