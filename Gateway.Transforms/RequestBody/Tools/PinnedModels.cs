using System.Buffers;
using System.Text.Json;
using OpenRouterGateway.Transforms.Json;

namespace OpenRouterGateway.Transforms.RequestBody.Tools;

/// <summary>
/// The models of earlier messages, which the auto router calls again under <c>pin_model</c>. They are read from <c>messages</c> only if a
/// plugin pins, so that the scan does not look at the names of all messages of all requests.
/// </summary>
internal static class PinnedModels
{
    private const int MaxNames = RoutingMemberCollector.MaxEntries;

    /// <summary>Reads them. More than <see cref="MaxNames"/> names count as any model.</summary>
    public static ServerToolUse Read(List<BodyMember> members, in ReadOnlySequence<byte> body)
    {
        var names = new HashSet<string>(StringComparer.Ordinal);
        var namesAny = false;
        foreach (var member in members)
        {
            if (member is { Name: BodyMemberName.Messages, Kind: JsonValueKind.Array })
            {
                namesAny |= !TryRead(body.Slice(member.Value.Start, member.Value.Length), names);
            }
        }

        return new ServerToolUse(ServerToolUse.PluginPrefix + "auto-router", -1, [.. names], namesAny);
    }

    private static bool TryRead(in ReadOnlySequence<byte> messages, HashSet<string> names)
    {
        var known = names.GetAlternateLookup<ReadOnlySpan<char>>();
        Span<char> buffer = stackalloc char[RoutingMemberCollector.MaxModelNameLength];
        var reader = new Utf8JsonReader(messages, JsonText.AnyDepth);
        while (reader.Read())
        {
            if (reader is not { CurrentDepth: 2, TokenType: JsonTokenType.PropertyName } || !JsonReaderText.Is(reader, "model") || !reader.Read())
            {
                continue;
            }

            if (reader.TokenType != JsonTokenType.String)
            {
                continue;
            }

            if (JsonReaderText.Length(reader) > buffer.Length)
            {
                return false;
            }

            // A conversation repeats few names; only a new one costs a string.
            var name = buffer[..JsonReaderText.Read(reader, buffer)];
            if (known.Contains(name))
            {
                continue;
            }

            if (names.Count == MaxNames)
            {
                return false;
            }

            known.Add(name);
        }

        return true;
    }
}
