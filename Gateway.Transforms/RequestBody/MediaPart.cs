using System.Buffers;
using System.Text.Json;
using OpenRouterGateway.Transforms.Json;

namespace OpenRouterGateway.Transforms.RequestBody;

/// <summary>
/// Decides whether a long string is the data of a media part, which a model does not receive as text. The part's own <c>type</c> must say
/// that it is media, the data must be in the member of that type, and its media type must not be text. In doubt it is text.
/// </summary>
internal static class MediaPart
{
    // The members of a part beside its data are short.
    private const int Reach = 2048;

    private const int LongestDataUrlHead = 256;

    // Text has a blank or another character outside of base64 in its first words.
    private const int FirstWords = 64;

    // More candidates are text: each is read again, and no model takes as many parts.
    private const int MostCandidates = 1024;

    // Escapes consist of a backslash and characters of base64.
    private static readonly SearchValues<byte> Base64Alphabet =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=-_\\"u8);

    /// <summary>The place of a part's data, and the source of its media type.</summary>
    private enum Form
    {
        None,

        /// <summary>A data URL.</summary>
        DataUrl,

        /// <summary>Base64; the part states the media type.</summary>
        Base64,

        /// <summary>Base64 of a recording.</summary>
        Recording,
    }

    /// <summary>Whether a string may be a data URL or base64, by its beginning.</summary>
    public static bool MayBeData(ReadOnlySpan<byte> start) =>
        start is [(byte)'d' or (byte)'D' or (byte)'\\', ..]
        || !start[..Math.Min(start.Length, FirstWords)].ContainsAnyExcept(Base64Alphabet);

    /// <summary>
    /// The number of bytes in the strings that are the data of media parts, beyond <see cref="PromptCollector.LongStringLength"/> of each.
    /// </summary>
    /// <param name="body">The body.</param>
    /// <param name="candidates">The long strings in its conversations, in the order of the body.</param>
    public static long CountData(in ReadOnlySequence<byte> body, IReadOnlyList<LongString> candidates)
    {
        long data = 0;
        var (rest, restStart, read) = (body, 0, 0);
        for (var i = 0; i < candidates.Count && read < MostCandidates; i++)
        {
            // The body is walked once.
            var value = candidates[i].Value;
            (rest, restStart) = (rest.Slice(value.Start + 1 - restStart), value.Start + 1);
            var text = rest.Slice(0, value.Length - 2);

            if (TryReadHead(text, out var mediaType, out var base64))
            {
                read++;
                if (IsMedia(FormOf(body, candidates[i]), mediaType) && IsBase64(base64))
                {
                    data += value.Length - PromptCollector.LongStringLength;
                }
            }
        }

        return data;
    }

    /// <summary>Whether the form of a part, and the media type in the data URL if there is one, say that the data is not text.</summary>
    private static bool IsMedia(Form form, string? mediaType) => form switch
    {
        Form.DataUrl => MediaTypes.IsBinary(mediaType),
        Form.Base64 => mediaType is null,
        Form.Recording => mediaType is null || MediaTypes.IsBinary(mediaType),
        _ => false,
    };

    /// <summary>Reads the head of a data URL, if there is one.</summary>
    /// <returns>Whether the string begins as a data URL of base64, or as base64.</returns>
    private static bool TryReadHead(in ReadOnlySequence<byte> value, out string? mediaType, out ReadOnlySequence<byte> data)
    {
        (mediaType, data) = (null, value);
        Span<byte> head = stackalloc byte[LongestDataUrlHead];
        head = head[..(int)Math.Min(value.Length, LongestDataUrlHead)];
        value.Slice(0, head.Length).CopyTo(head);
        var comma = head.IndexOf((byte)',');
        if (comma < 0)
        {
            return !head.ContainsAnyExcept(Base64Alphabet);
        }

        const string Scheme = "data:";
        var url = JsonStringDecoder.Decode(head[..comma]);
        if (!url.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase) || !url.EndsWith(";base64", StringComparison.OrdinalIgnoreCase))
        {
            return false;
        }

        mediaType = url[Scheme.Length..url.IndexOf(';', StringComparison.Ordinal)];
        data = value.Slice(comma + 1);
        return true;
    }

    private static bool IsBase64(in ReadOnlySequence<byte> data)
    {
        foreach (var segment in data)
        {
            if (segment.Span.ContainsAnyExcept(Base64Alphabet))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Reads the part around a string, with an empty string in its place.</summary>
    private static Form FormOf(in ReadOnlySequence<byte> body, LongString candidate)
    {
        var before = candidate.Value.Start - candidate.PartStart;
        if (before > Reach)
        {
            return Form.None;
        }

        Span<byte> window = stackalloc byte[(2 * Reach) + 2];
        body.Slice(candidate.PartStart, before).CopyTo(window);
        "\"\""u8.CopyTo(window[before..]);
        var after = body.Slice(candidate.Value.End, Math.Min(Reach, body.Length - candidate.Value.End));
        after.CopyTo(window[(before + 2)..]);
        var reader = new Utf8JsonReader(
            window[..(before + 2 + (int)after.Length)],
            isFinalBlock: false,
            new JsonReaderState(new JsonReaderOptions { MaxDepth = window.Length }));
        return Read(ref reader, before);
    }

    private static Form Read(ref Utf8JsonReader reader, int dataAt)
    {
        var part = default(Members);
        var inner = default(Members); // the current object in the part
        Members? holder = null; // the object in the part that has the data
        reader.Read();
        while (reader.Read())
        {
            switch (reader.TokenType)
            {
                case JsonTokenType.EndObject when reader.CurrentDepth == 0:
                    return part.IsAmbiguous || holder is { IsAmbiguous: true } ? Form.None : FormOf(part, holder);
                case JsonTokenType.PropertyName when reader.CurrentDepth == 1:
                    part.Begin(ref reader);
                    break;
                case JsonTokenType.PropertyName when reader.CurrentDepth == 2:
                    inner.Begin(ref reader);
                    break;
                case JsonTokenType.String when reader.CurrentDepth == 1:
                    part.Add(ref reader, dataAt);
                    break;
                case JsonTokenType.String when reader.CurrentDepth == 2:
                    inner.Add(ref reader, dataAt);
                    break;
                case JsonTokenType.EndObject when reader.CurrentDepth == 1:
                    if (inner.DataName is not null)
                    {
                        holder = inner;
                        part.DataName = part.Name;
                    }

                    inner = default;
                    break;
            }
        }

        // The part does not end within reach.
        return Form.None;
    }

    private static Form FormOf(in Members part, in Members? holder) => (part.Type, part.DataName, holder?.DataName) switch
    {
        ("image_url" or "input_image" or "computer_screenshot", "image_url", null or "url") => Form.DataUrl,
        ("video_url" or "input_video", "video_url", null or "url") => Form.DataUrl,
        ("file", "file", "file_data") => Form.DataUrl,
        ("input_file", "file_data", null) => Form.DataUrl,
        ("input_audio", "input_audio", "data") => Form.Recording,
        ("image" or "document", "source", "data") when holder is { Type: "base64", MediaType: { } mediaType }
            && MediaTypes.IsBinary(mediaType) => Form.Base64,
        _ => Form.None,
    };

    /// <summary>The members of an object that matter.</summary>
    private struct Members
    {
        private List<string>? _names;

        /// <summary>The name of the current member.</summary>
        public string? Name { get; private set; }

        /// <summary>Whether a name occurs twice. Upstream may read another one of them.</summary>
        public bool IsAmbiguous { get; private set; }

        public string? Type { get; private set; }

        public string? MediaType { get; private set; }

        /// <summary>The name of the member that has the data, itself or in its object.</summary>
        public string? DataName { get; set; }

        public void Begin(ref Utf8JsonReader reader)
        {
            Name = JsonStringDecoder.Decode(reader.ValueSpan);
            IsAmbiguous |= _names?.Contains(Name) == true;
            (_names ??= []).Add(Name);
        }

        public void Add(ref Utf8JsonReader reader, int dataAt)
        {
            if (reader.TokenStartIndex == dataAt)
            {
                DataName = Name;
            }
            else if (Name == "type")
            {
                Type = JsonStringDecoder.Decode(reader.ValueSpan);
            }
            else if (Name == "media_type")
            {
                MediaType = JsonStringDecoder.Decode(reader.ValueSpan);
            }
        }
    }
}
