using System.Text;
using System.Text.Json;
using OpenRouterGateway.Transforms.Json;

namespace OpenRouterGateway.Transforms.ProviderMapping.Blocks;

/// <summary>A component of <c>max_price</c>.</summary>
/// <param name="Name">Its name, such as <c>prompt</c>.</param>
/// <param name="Member">The member as written, <c>"prompt":1.50</c>.</param>
/// <param name="Value">Its value, for comparison.</param>
internal readonly record struct PriceLimit(string Name, ReadOnlyMemory<byte> Member, JsonDecimal Value)
{
    /// <summary>Parses a limit. OpenRouter accepts a number or a decimal string.</summary>
    public static bool TryParse(ReadOnlySpan<byte> json, JsonValueKind kind, out JsonDecimal value)
    {
        value = default;
        return kind switch
        {
            JsonValueKind.Number => JsonDecimal.TryParse(json, out value),
            JsonValueKind.String when !json.Contains((byte)'\\') => JsonDecimal.TryParse(json[1..^1], out value),
            JsonValueKind.String => JsonDecimal.TryParse(Encoding.UTF8.GetBytes(JsonStringDecoder.Decode(json[1..^1])), out value),
            _ => false,
        };
    }
}
