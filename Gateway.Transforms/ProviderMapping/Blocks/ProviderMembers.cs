using System.Collections.Frozen;
using System.Text;

namespace OpenRouterGateway.Transforms.ProviderMapping.Blocks;

/// <summary>What is known of each member of OpenRouter's <c>provider</c> object.</summary>
internal static class ProviderMembers
{
    private static readonly FrozenSet<string> OfImages = FrozenSet.Create(
        StringComparer.Ordinal, "order", "only", "ignore", "allow_fallbacks", "sort", "options");

    private static readonly FrozenSet<string> Preferences = FrozenSet.Create(
        StringComparer.Ordinal, "order", "sort", "preferred_min_throughput", "preferred_max_latency", "options");

    private static readonly FrozenSet<string> Known = FrozenSet.Create(
        StringComparer.Ordinal,
        [
            .. OfImages, .. Preferences, "require_parameters", "data_collection", "zdr", "enforce_distillable_text", "quantizations",
            "max_price",
        ]);

    private static readonly ReadOnlyMemory<byte> True = Encoding.UTF8.GetBytes("true");
    private static readonly ReadOnlyMemory<byte> False = Encoding.UTF8.GetBytes("false");
    private static readonly ReadOnlyMemory<byte> Deny = Encoding.UTF8.GetBytes("\"deny\"");

    /// <summary>Whether OpenRouter is known to take such a member anywhere.</summary>
    public static bool IsKnown(string name) => Known.Contains(name);

    /// <summary>Whether the member only ranks providers, so that it shuts none out.</summary>
    public static bool IsPreference(string name) => Preferences.Contains(name);

    /// <summary>Whether an endpoint takes the member. Unknown ones go everywhere but to the images endpoints.</summary>
    public static bool IsTakenBy(RequestEndpoint endpoint, string name) =>
        endpoint == RequestEndpoint.Images ? OfImages.Contains(name) : name != "options";

    /// <summary>The value that wins under Enforce, for the members that have a harder one of two; else <see langword="null"/>.</summary>
    public static ReadOnlyMemory<byte>? Harden(string name) => name switch
    {
        "zdr" or "require_parameters" or "enforce_distillable_text" => True,
        "allow_fallbacks" => False,
        "data_collection" => Deny,
        // The cast matters: a bare null would become an empty ReadOnlyMemory, by way of a null array.
        _ => (ReadOnlyMemory<byte>?)null,
    };
}
