using System.Text.Json;

namespace OpenRouterGateway.Transforms.ProviderMapping;

/// <summary>One provider rule: which models it is for, and the <c>provider</c> block that goes into their requests. Immutable.</summary>
public sealed class ProviderRule
{
    private const int MaxNameLength = 64;

    private readonly WrittenBlock _written;
    private readonly WrittenBlock _writtenForEmbeddings;
    private readonly WrittenBlock _writtenForImages;

    private ProviderRule(string name, WhenClientSetsProvider mode, ModelPattern[] patterns, ProviderBlock block)
    {
        Name = name;
        Mode = mode;
        Patterns = patterns;
        Block = block;
        Models = [.. patterns.Select(pattern => pattern.Text)];
        _written = Write(RequestEndpoint.Generation);
        _writtenForEmbeddings = Write(RequestEndpoint.Embeddings);
        _writtenForImages = Write(RequestEndpoint.Images);
    }

    /// <summary>The rule's name, <c>[A-Za-z0-9._-]{1,64}</c>; answers carry it in <c>x-gateway-rule</c>.</summary>
    public string Name { get; }

    /// <summary>Who wins when the client sent a <c>provider</c> of its own.</summary>
    public WhenClientSetsProvider Mode { get; }

    /// <summary>The model patterns as written; one of them must match.</summary>
    public IReadOnlyList<string> Models { get; }

    /// <summary>The model patterns, compiled.</summary>
    internal IReadOnlyList<ModelPattern> Patterns { get; }

    /// <summary>The block, taken apart.</summary>
    internal ProviderBlock Block { get; }

    /// <summary>Checks the parts of a rule and renders its block once.</summary>
    /// <param name="name">The rule's name.</param>
    /// <param name="models">One or more model patterns.</param>
    /// <param name="provider">The block, with OpenRouter's own member names.</param>
    /// <param name="mode">Who wins over a client's own block.</param>
    /// <param name="problems">
    /// Takes every fault and warning found, with paths <c>Name</c>, <c>Model</c> (<c>Model:0</c> where there are several),
    /// <c>Provider:order</c>.
    /// </param>
    /// <returns>The rule, or <see langword="null"/> when a fault was found.</returns>
    public static ProviderRule? Create(
        string name, IReadOnlyList<string> models, JsonElement provider, WhenClientSetsProvider mode, ICollection<RuleProblem> problems)
    {
        ArgumentNullException.ThrowIfNull(models);
        ArgumentNullException.ThrowIfNull(problems);
        var isNamed = IsName(name);
        if (!isNamed)
        {
            problems.Add(new RuleProblem(
                "Name", $"got {JsonText.Quoted(name)}, expected 1 to {MaxNameLength} of the characters A-Z a-z 0-9 . _ -"));
        }

        if (models.Count == 0)
        {
            problems.Add(new RuleProblem("Model", "got no pattern, expected one or more such as \"openai/*\""));
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
                $"{JsonText.Quoted(patterns[0].Text)} matches presets only, which all but Enforce rules leave alone: it never applies",
                IsWarning: true));
        }

        var block = ProviderBlockReader.Read(provider, mode, problems);
        return isNamed && block is not null && patterns.Count > 0 && patterns.Count == models.Count
            ? new ProviderRule(name, mode, [.. patterns], block)
            : null;
    }

    /// <summary>Reads the command line's shorthand <c>PATTERN=P1,P2</c>, which means <c>{"order":["P1","P2"]}</c>.</summary>
    /// <param name="mapping">The text; it splits at its first <c>=</c>, blanks around names are trimmed.</param>
    /// <param name="name">The rule's name.</param>
    /// <param name="problems">Takes every fault and warning found; paths are empty.</param>
    /// <returns>The rule, or <see langword="null"/> when a fault was found.</returns>
    public static ProviderRule? ParseMapping(string mapping, string name, ICollection<RuleProblem> problems)
    {
        ArgumentNullException.ThrowIfNull(mapping);
        ArgumentNullException.ThrowIfNull(problems);
        var equals = mapping.IndexOf('=', StringComparison.Ordinal);
        var pattern = equals < 0 ? "" : mapping[..equals].Trim();
        var providers = equals < 0 ? [] : mapping[(equals + 1)..].Split(',', StringSplitOptions.TrimEntries);
        if (pattern.Length == 0 || providers.Contains("") || !JsonText.IsWellFormed(mapping))
        {
            problems.Add(new RuleProblem("", $"got {JsonText.Quoted(mapping)}, expected PATTERN=PROVIDER[,PROVIDER...]"));
            return null;
        }

        byte[] json = [.. "{\"order\":"u8, .. JsonText.QuoteAll(providers), (byte)'}'];
        using var block = JsonDocument.Parse(json);
        var found = new List<RuleProblem>();
        var rule = Create(name, [pattern], block.RootElement, WhenClientSetsProvider.KeepClient, found);
        foreach (var problem in found)
        {
            problems.Add(problem with { Path = "", Message = $"{JsonText.Quoted(mapping)}: {problem.Message}" });
        }

        return rule;
    }

    /// <summary>What this rule alone writes into a request whose client set nothing.</summary>
    internal WrittenBlock Written(RequestEndpoint endpoint) => endpoint switch
    {
        RequestEndpoint.Generation => _written,
        RequestEndpoint.Embeddings => _writtenForEmbeddings,
        RequestEndpoint.Images => _writtenForImages,
        _ => throw new ArgumentOutOfRangeException(nameof(endpoint), endpoint, null),
    };

    private static bool IsName(string? name) =>
        name is { Length: >= 1 and <= MaxNameLength } && name.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '_' or '-');

    // By the same steps as for a request, so that the fragment cannot differ from what composing would give.
    private WrittenBlock Write(RequestEndpoint endpoint)
    {
        var block = new WorkingBlock();
        if (Mode != WhenClientSetsProvider.Enforce)
        {
            ProviderFilling.Fill(block, this, endpoint);
            return WrittenBlock.Of(block);
        }

        return ProviderNarrowing.Narrow(block, [this], endpoint, changes: null) is { } refusal
            ? new WrittenBlock(default, refusal.Rejection)
            : WrittenBlock.Of(block);
    }
}
