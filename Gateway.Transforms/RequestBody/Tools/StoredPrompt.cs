using System.Buffers;
using System.Text.Json;
using OpenRouterGateway.Transforms.Json;

namespace OpenRouterGateway.Transforms.RequestBody.Tools;

/// <summary>
/// A prompt that is stored at upstream, which <c>prompt</c> of the <c>/responses</c> dialect refers to as
/// <c>{"id": "…", "variables": {…}}</c>. It may name a model and tools by itself.
/// </summary>
internal static class StoredPrompt
{
    /// <summary>Reads a <c>prompt</c> that is an object. A prompt without exactly one readable <c>id</c> may be any.</summary>
    public static ServerToolUse Read(in BodyMember member, in ReadOnlySequence<byte> body)
    {
        var reader = new Utf8JsonReader(body.Slice(member.Value.Start, member.Value.Length), JsonText.AnyDepth);
        reader.Read();
        string? id = null;
        var count = 0;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var isId = JsonReaderText.Is(reader, "id");
            reader.Read();
            if (isId)
            {
                count++;
                id = reader.TokenType == JsonTokenType.String && JsonReaderText.Length(reader) <= RoutingMemberCollector.MaxModelNameLength
                    ? JsonReaderText.Read(reader)
                    : null;
            }

            reader.Skip();
        }

        var name = count == 1 && id is { Length: > 0 } ? id : ServerToolUse.Unknown;
        return new ServerToolUse(ServerToolUse.PromptPrefix + name, Element: -1, [], NamesAnyModel: true);
    }
}
