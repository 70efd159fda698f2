using System.Buffers;
using System.Buffers.Text;
using System.Text.Json;
using OpenRouterGateway.Transforms.Json;
using OpenRouterGateway.Transforms.RequestBody.Tools;

namespace OpenRouterGateway.Transforms.RequestBody;

/// <summary>The facts about a request body: its routing members and the models that it names. Immutable.</summary>
public sealed class BodyFacts
{
    // The characters of base64 and base64url.
    private static readonly SearchValues<byte> Base64Alphabet =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=-_"u8);

    private const int LongestDataUrlHead = 256;

    private static readonly List<string?> NoPresets = [];

    private readonly IReadOnlyList<ByteRange> _longStrings;

    /// <summary>Creates the facts of one body.</summary>
    /// <param name="length">Length of the body in bytes.</param>
    /// <param name="insertAt">See <see cref="InsertAt"/>.</param>
    /// <param name="isEmpty">See <see cref="IsEmpty"/>.</param>
    /// <param name="members">See <see cref="Members"/>.</param>
    /// <param name="models">See <see cref="Models"/>.</param>
    /// <param name="longStrings">The strings that may be binary data; see <see cref="CountText"/>.</param>
    /// <param name="body">The body. It is not kept.</param>
    internal BodyFacts(
        int length,
        int insertAt,
        bool isEmpty,
        IReadOnlyList<BodyMember> members,
        IReadOnlyList<ModelName> models,
        IReadOnlyList<ByteRange> longStrings,
        in ReadOnlySequence<byte> body)
    {
        Length = length;
        InsertAt = insertAt;
        IsEmpty = isEmpty;
        Members = members;
        Models = models;
        _longStrings = longStrings;
        Choices = Math.Max(1, ReadCount(BodyMemberName.Choices, body) ?? 1);
        foreach (var name in (ReadOnlySpan<BodyMemberName>)
            [BodyMemberName.MaxTokens, BodyMemberName.MaxCompletionTokens, BodyMemberName.MaxOutputTokens])
        {
            if (ReadCount(name, body) is { } cap && !(MaxOutputTokens <= cap))
            {
                MaxOutputTokens = cap;
            }
        }

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

    /// <summary>All occurrences of routing members, in the order of the body.</summary>
    internal IReadOnlyList<BodyMember> Members { get; }

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

    /// <summary>The number of completions: the last <c>n</c> if it is a number above 1, or else 1.</summary>
    internal long Choices { get; }

    /// <summary>
    /// The maximum number of tokens of a completion: the smallest of the last <c>max_tokens</c>, <c>max_completion_tokens</c> and
    /// <c>max_output_tokens</c>; <see langword="null"/> if none is a number.
    /// </summary>
    internal long? MaxOutputTokens { get; }

    /// <summary>
    /// The text of every <c>preset</c> member that is not <c>null</c>, in the order of the body. A member that is not a string has the
    /// entry <see langword="null"/>.
    /// </summary>
    internal IReadOnlyList<string?> Presets { get; }

    /// <summary>
    /// The number of bytes that may be text to a model: all but long strings that consist of base64, with or without the head of a data URL
    /// (images, recordings, files). A string that is base64 only in part counts as text.
    /// </summary>
    /// <param name="body">The body that was scanned.</param>
    internal long CountText(in ReadOnlySequence<byte> body)
    {
        long text = Length;
        foreach (var range in _longStrings)
        {
            var value = body.Slice(range.Start + 1, range.Length - 2);
            if (IsBase64(value))
            {
                text -= range.Length;
            }
        }

        return text;
    }

    private static bool IsBase64(ReadOnlySequence<byte> value)
    {
        Span<byte> head = stackalloc byte[LongestDataUrlHead];
        var start = value.Slice(0, Math.Min(value.Length, LongestDataUrlHead));
        start.CopyTo(head);
        head = head[..(int)start.Length];
        if (head.StartsWith("data:"u8))
        {
            var comma = head.IndexOf(";base64,"u8);
            if (comma < 0)
            {
                return false;
            }

            value = value.Slice(comma + ";base64,".Length);
        }

        foreach (var segment in value)
        {
            if (segment.Span.ContainsAnyExcept(Base64Alphabet))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>A member's value as an integer, rounded up and clamped to the range of a long.</summary>
    private long? ReadCount(BodyMemberName name, in ReadOnlySequence<byte> body)
    {
        const int LongestNumber = 64;
        var i = LastIndexOf(name);
        if (i < 0 || Members[i].Kind != JsonValueKind.Number)
        {
            return null;
        }

        var range = Members[i].Value;
        if (range.Length > LongestNumber)
        {
            return long.MaxValue;
        }

        Span<byte> digits = stackalloc byte[range.Length];
        body.Slice(range.Start, range.Length).CopyTo(digits);
        if (Utf8Parser.TryParse(digits, out long count, out var consumed) && consumed == digits.Length)
        {
            return Math.Max(0, count);
        }

        return Utf8Parser.TryParse(digits, out double number, out consumed) && consumed == digits.Length && number < long.MaxValue
            ? (long)Math.Ceiling(Math.Max(0, number))
            : long.MaxValue;
    }

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
