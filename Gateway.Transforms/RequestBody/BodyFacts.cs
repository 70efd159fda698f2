using System.Buffers;
using System.Text.Json;
using OpenRouterGateway.Transforms.Json;
using OpenRouterGateway.Transforms.RequestBody.Tools;

namespace OpenRouterGateway.Transforms.RequestBody;

/// <summary>The facts about a request body: its routing members and the models that it names. Immutable.</summary>
public sealed class BodyFacts
{
    private static readonly List<string?> NoPresets = [];

    /// <summary>Creates the facts of one body.</summary>
    /// <param name="length">Length of the body in bytes.</param>
    /// <param name="insertAt">See <see cref="InsertAt"/>.</param>
    /// <param name="isEmpty">See <see cref="IsEmpty"/>.</param>
    /// <param name="members">See <see cref="Members"/>.</param>
    /// <param name="models">See <see cref="Models"/>.</param>
    /// <param name="body">The body. It is not kept.</param>
    internal BodyFacts(
        int length,
        int insertAt,
        bool isEmpty,
        List<BodyMember> members,
        IReadOnlyList<ModelName> models,
        in ReadOnlySequence<byte> body)
    {
        Length = length;
        InsertAt = insertAt;
        IsEmpty = isEmpty;
        Members = members;
        Models = models;
        Presets = ReadPresets(body);
    }

    /// <summary>Length of the body in bytes.</summary>
    public int Length { get; }

    /// <summary>
    /// The offset for a new member: after the last value of the object, or after the opening brace if the object is empty. A comma precedes
    /// the new member unless the object is empty.
    /// </summary>
    internal int InsertAt { get; }

    /// <summary>Whether the object has no members.</summary>
    internal bool IsEmpty { get; }

    /// <summary>
    /// All occurrences of routing members, in the order of the body. A list, since an interface allocates an enumerator for each loop.
    /// </summary>
    internal List<BodyMember> Members { get; }

    /// <summary>The models that the members name, those of earlier duplicates included, in the order of the body.</summary>
    internal IReadOnlyList<ModelName> Models { get; }

    /// <summary>The server tools and plugins that the body uses. Default: none.</summary>
    internal ServerToolFacts ServerTools { get; init; } = ServerToolFacts.None;

    /// <summary>
    /// The index in <see cref="Members"/> of the last occurrence of <paramref name="name"/>, which counts; -1 if there is none.
    /// </summary>
    internal int LastIndexOf(BodyMemberName name)
    {
        for (var i = Members.Count - 1; i >= 0; i--)
        {
            if (Members[i].Name == name)
            {
                return i;
            }
        }

        return -1;
    }

    /// <summary>
    /// The model that the request names, before aliases: the last <c>model</c> if it is a string, or else the first entry of the last
    /// <c>models</c>, or else <see langword="null"/>.
    /// </summary>
    public string? RequestedModel => NameAt(LastIndexOf(BodyMemberName.Model)) ?? NameAt(LastIndexOf(BodyMemberName.Models));

    /// <summary>Whether the request asks for an event stream: its last <c>stream</c> is <c>true</c>.</summary>
    public bool Streams => LastIndexOf(BodyMemberName.Stream) is >= 0 and var i && Members[i].Kind == JsonValueKind.True;

    /// <summary>The facts about the prompt.</summary>
    internal PromptFacts Prompt { get; init; }

    /// <summary>
    /// The text of every <c>preset</c> member that is not <c>null</c>, in the order of the body. A member that is not a string has the
    /// entry <see langword="null"/>.
    /// </summary>
    internal IReadOnlyList<string?> Presets { get; }

    /// <summary>
    /// The number of bytes that may be text to a model: all but the data of images, recordings, videos and documents, see
    /// <see cref="MediaPart.CountData"/>.
    /// </summary>
    /// <param name="body">The body that was scanned.</param>
    internal long CountText(in ReadOnlySequence<byte> body) =>
        Prompt.LongStrings is { } candidates ? Length - MediaPart.CountData(body, candidates) : Length;

    private List<string?> ReadPresets(in ReadOnlySequence<byte> body)
    {
        List<string?>? presets = null;
        foreach (var member in Members)
        {
            if (member.Name == BodyMemberName.Preset && member.Kind != JsonValueKind.Null)
            {
                (presets ??= []).Add(
                    member.Kind == JsonValueKind.String
                        ? JsonStringDecoder.Decode(body.Slice(member.Value.Start + 1, member.Value.Length - 2))
                        : null);
            }
        }

        return presets ?? NoPresets;
    }

    private string? NameAt(int member)
    {
        if (member >= 0)
        {
            foreach (var model in Models)
            {
                if (model.Member == member)
                {
                    return model.Text;
                }
            }
        }

        return null;
    }
}
