using System.Text.Json;

namespace OpenRouterGateway.Transforms.ProviderMapping.Blocks;

/// <summary>A member of a rule's block.</summary>
/// <param name="Name">Its name, escapes resolved.</param>
/// <param name="Key">The key as written, quotes included.</param>
/// <param name="Value">The value as written, without white space.</param>
/// <param name="Kind">The value's JSON type.</param>
internal readonly record struct ProviderMember(string Name, ReadOnlyMemory<byte> Key, ReadOnlyMemory<byte> Value, JsonValueKind Kind);
