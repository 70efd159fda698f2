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

    // "model", each letter as \uXXXX.
    private const int LongestKey = 5 * 6;

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
        var reader = new Utf8JsonReader(messages, JsonText.AnyDepth);
        while (reader.Read())
        {
            if (reader is not { CurrentDepth: 2, TokenType: JsonTokenType.PropertyName } || !IsModel(reader, messages) || !reader.Read())
            {
                continue;
            }

            if (reader.TokenType != JsonTokenType.String)
            {
                continue;
            }

            if (names.Count == MaxNames || Length(reader) > RoutingMemberCollector.MaxModelNameLength)
            {
                return false;
            }

            names.Add(Text(reader, messages));
        }

        return true;
    }

    private static bool IsModel(in Utf8JsonReader reader, in ReadOnlySequence<byte> messages) =>
        Length(reader) <= LongestKey && Text(reader, messages) == "model";

    private static long Length(in Utf8JsonReader reader) => reader.HasValueSequence ? reader.ValueSequence.Length : reader.ValueSpan.Length;

    private static string Text(in Utf8JsonReader reader, in ReadOnlySequence<byte> messages) =>
        JsonStringDecoder.Decode(messages.Slice(reader.TokenStartIndex + 1, Length(reader)));
}
