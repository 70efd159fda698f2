using System.Collections.Frozen;
using OpenRouterGateway.Transforms.Json;

namespace OpenRouterGateway.Transforms.ProviderMapping.Blocks;

/// <summary>
/// OpenRouter's provider names, for comparison only: names are sent as written. Slugs and display names are those of
/// OpenRouter's published API description (<c>ProviderOptions</c>, <c>ProviderName</c>).
/// </summary>
internal static class ProviderNames
{
    private static readonly FrozenSet<string> Slugs = FrozenSet.Create(
        StringComparer.OrdinalIgnoreCase,
        "01ai", "ai21", "aion-labs", "akashml", "alibaba", "amazon-bedrock", "amazon-nova", "ambient", "anthropic",
        "anyscale", "arcee-ai", "atlas-cloud", "atoma", "avian", "azure", "baidu", "baseten", "black-forest-labs",
        "byteplus", "centml", "cerebras", "chutes", "cirrascale", "clarifai", "claude-on-aws", "cloudflare", "cohere",
        "coreweave", "crofai", "crucible", "crusoe", "darkbloom", "databricks", "decart", "deepgram", "deepinfra",
        "deepseek", "dekallm", "digitalocean", "enfer", "fake-provider", "featherless", "fireworks", "fish-audio",
        "friendli", "gmicloud", "google-ai-studio", "google-vertex", "gopomelo", "groq", "heygen", "huggingface",
        "hyperbolic", "hyperbolic-quantized", "inception", "inceptron", "inferact-vllm", "inference-net", "infermatic",
        "inflection", "inocloud", "io-net", "ionstream", "klusterai", "krea", "lambda", "lepton", "liquid", "lynn",
        "lynn-private", "makora", "mancer", "mancer-old", "mara", "meta", "minimax", "mistral", "modal", "modelrun",
        "modular", "moonshotai", "morph", "ncompass", "nebius", "nex-agi", "nextbit", "nineteen", "novita", "nvidia",
        "octoai", "open-inference", "openai", "parasail", "perceptron", "perplexity", "phala", "poolside", "quiver",
        "recraft", "recursal", "reflection", "reka", "relace", "replicate", "runway", "sail-research", "sakana",
        "sakana-ai", "sambanova", "sambanova-cloaked", "seed", "sf-compute", "siliconflow", "sourceful", "stealth",
        "stepfun", "streamlake", "switchpoint", "targon", "tencent", "tenstorrent", "thinkingmachines", "together",
        "together-lite", "ubicloud", "upstage", "venice", "voyageai", "wafer", "wandb", "wandb-legacy", "xai", "xiaomi",
        "z-ai");

    // The display names that differ from their slug by more than case.
    private static readonly FrozenDictionary<string, string> DisplayNames = new Dictionary<string, string>
    {
        ["AionLabs"] = "aion-labs",
        ["Amazon Bedrock"] = "amazon-bedrock",
        ["Amazon Nova"] = "amazon-nova",
        ["Arcee AI"] = "arcee-ai",
        ["AtlasCloud"] = "atlas-cloud",
        ["Black Forest Labs"] = "black-forest-labs",
        ["Claude Platform on AWS"] = "claude-on-aws",
        ["FakeProvider"] = "fake-provider",
        ["Fish Audio"] = "fish-audio",
        ["Google"] = "google-vertex",
        ["Google AI Studio"] = "google-ai-studio",
        ["Inferact vLLM"] = "inferact-vllm",
        ["InferenceNet"] = "inference-net",
        ["Io Net"] = "io-net",
        ["Mancer 2"] = "mancer",
        ["Moonshot AI"] = "moonshotai",
        ["Nex AGI"] = "nex-agi",
        ["OpenInference"] = "open-inference",
        ["Sail Research"] = "sail-research",
        ["Sakana AI"] = "sakana-ai",
        ["Thinking Machines"] = "thinkingmachines",
        ["VoyageAI by MongoDB"] = "voyageai",
        ["Z.AI"] = "z-ai",
    }.ToFrozenDictionary(StringComparer.OrdinalIgnoreCase);

    /// <summary>The canonical spelling of a provider or endpoint: its slug if known, or else the name in lower case.</summary>
    public static string Canonical(string name)
    {
        if (DisplayNames.TryGetValue(name, out var slug))
        {
            return slug;
        }

        var slash = name.IndexOf('/', StringComparison.Ordinal);
        return slash > 0 && DisplayNames.TryGetValue(name[..slash], out slug)
            ? slug + Lower(name[slash..])
            : Lower(name);
    }

    /// <summary>Whether OpenRouter documents the provider. The endpoint after a slash is not checked.</summary>
    public static bool IsKnown(string canonical)
    {
        var slash = canonical.IndexOf('/', StringComparison.Ordinal);
        return Slugs.Contains(slash > 0 ? canonical[..slash] : canonical);
    }

    /// <summary>
    /// The known provider whose slug or display name is nearest to an unknown one, with the endpoint after the slash;
    /// <see langword="null"/> if none is near enough to be a typing error.
    /// </summary>
    public static string? Nearest(string name)
    {
        const int Longest = 64;
        var slash = name.IndexOf('/', StringComparison.Ordinal);
        var provider = slash > 0 ? name[..slash] : name;
        return provider.Length <= Longest && NearestName.Find(provider, [.. Slugs, .. DisplayNames.Keys]) is { } nearest
            ? Canonical(nearest) + (slash > 0 ? name[slash..] : "")
            : null;
    }

    /// <summary>
    /// The base slug that covers an endpoint, both canonical; <see langword="null"/> for a base slug, and for endpoints of a service tier,
    /// which OpenRouter uses only if they are named.
    /// </summary>
    public static string? CoveringBase(string canonical)
    {
        var slash = canonical.IndexOf('/', StringComparison.Ordinal);

        // A blank that upstream may trim does not make a tier an ordinary endpoint.
        return slash < 0 || canonical.AsSpan(slash + 1).Trim() is "priority" or "flex" ? null : canonical[..slash];
    }

    /// <summary>
    /// The provider of a canonical name, blanks trimmed. In a deny-list it stands for all of its endpoints, those of service tiers included.
    /// </summary>
    public static string ProviderOf(string canonical)
    {
        var slash = canonical.IndexOf('/', StringComparison.Ordinal);
        return Trimmed(slash < 0 ? canonical : canonical[..slash]);
    }

    /// <summary>The canonical spelling of a canonical name without the blanks around it, which upstream may trim.</summary>
    public static string Trimmed(string canonical) =>
        canonical.Trim() is var trimmed && trimmed.Length < canonical.Length ? Canonical(trimmed) : canonical;

    /// <summary>
    /// Whether <paramref name="broad"/> in an allow-list includes every endpoint of <paramref name="narrow"/>, both canonical.
    /// </summary>
    public static bool Covers(string broad, string narrow) =>
        string.Equals(broad, narrow, StringComparison.Ordinal) || string.Equals(broad, CoveringBase(narrow), StringComparison.Ordinal);

#pragma warning disable CA1308 // Slugs are lower case; this is not a comparison.
    private static string Lower(string name) => name.ToLowerInvariant();
#pragma warning restore CA1308
}
