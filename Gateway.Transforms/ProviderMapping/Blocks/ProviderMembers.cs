using System.Collections.Frozen;
using System.Text;

namespace OpenRouterGateway.Transforms.ProviderMapping.Blocks;

/// <summary>The members of OpenRouter's <c>provider</c> object.</summary>
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

    /// <summary>The documented members, in alphabetical order.</summary>
    public static IReadOnlyList<string> All { get; } = [.. Known.Order(StringComparer.Ordinal)];

    /// <summary>Whether OpenRouter documents such a member.</summary>
    public static bool IsKnown(string name) => Known.Contains(name);

    /// <summary>Whether the member only ranks providers and excludes none.</summary>
    public static bool IsPreference(string name) => Preferences.Contains(name);

    /// <summary>Whether an endpoint accepts the member. Unknown members are sent to all but the image endpoints.</summary>
    public static bool IsTakenBy(RequestEndpoint endpoint, string name) =>
        endpoint == RequestEndpoint.Images ? OfImages.Contains(name) : name != "options";

    /// <summary>
    /// The stricter value of a member with two values, which wins under Enforce; <see langword="null"/> for other members.
    /// </summary>
    public static ReadOnlyMemory<byte>? Harden(string name) => name switch
    {
        "zdr" or "require_parameters" or "enforce_distillable_text" => True,
        "allow_fallbacks" => False,
        "data_collection" => Deny,
        // Without the cast, null would convert to an empty ReadOnlyMemory.
        _ => (ReadOnlyMemory<byte>?)null,
    };
}
