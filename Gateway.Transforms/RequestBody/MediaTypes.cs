using System.Text;
using OpenRouterGateway.Transforms.Json;

namespace OpenRouterGateway.Transforms.RequestBody;

/// <summary>The values of <c>type</c> that mark a media part, and the media types of its data.</summary>
internal static class MediaTypes
{
    /// <summary>The longest spelling of a <c>type</c>: 19 letters of six bytes each.</summary>
    public const int MaxLength = 19 * 6;

    /// <summary>
    /// The kind of media part that a <c>type</c>, escaped or not, says that its object is; <see langword="null"/> if it is none.
    /// </summary>
    public static MediaPartKind? Find(ReadOnlySpan<byte> type)
    {
        if (type.Length > MaxLength)
        {
            return null;
        }

        if (!type.Contains((byte)'\\'))
        {
            return FindPlain(type);
        }

        Span<char> decoded = stackalloc char[MaxLength];
        var length = JsonStringDecoder.Decode(type, decoded);
        Span<byte> plain = stackalloc byte[3 * MaxLength];
        return FindPlain(plain[..Encoding.UTF8.GetBytes(decoded[..length], plain)]);
    }

    /// <summary>
    /// Whether data of a media type is not text: images, recordings, videos and PDF. An SVG image is text, and so is every type that is not
    /// known, since a provider may extract text from it.
    /// </summary>
    public static bool IsBinary(ReadOnlySpan<char> mediaType)
    {
        mediaType = mediaType.Trim();
        return (StartsWith(mediaType, "image/") && !StartsWith(mediaType, "image/svg"))
            || StartsWith(mediaType, "audio/")
            || StartsWith(mediaType, "video/")
            || mediaType.Equals("application/pdf", StringComparison.OrdinalIgnoreCase);

        static bool StartsWith(ReadOnlySpan<char> text, string start) => text.StartsWith(start, StringComparison.OrdinalIgnoreCase);
    }

    private static MediaPartKind? FindPlain(ReadOnlySpan<byte> type) => type.Length switch
    {
        4 when type.SequenceEqual("file"u8) => MediaPartKind.Document,
        5 when type.SequenceEqual("image"u8) || type.SequenceEqual("audio"u8) || type.SequenceEqual("video"u8) => MediaPartKind.Recorded,
        8 when type.SequenceEqual("document"u8) => MediaPartKind.Document,
        9 when type.SequenceEqual("image_url"u8) || type.SequenceEqual("video_url"u8) || type.SequenceEqual("audio_url"u8)
            => MediaPartKind.Recorded,
        10 when type.SequenceEqual("input_file"u8) => MediaPartKind.Document,
        11 when type.SequenceEqual("input_image"u8) || type.SequenceEqual("input_audio"u8) || type.SequenceEqual("input_video"u8)
            => MediaPartKind.Recorded,
        19 when type.SequenceEqual("computer_screenshot"u8) => MediaPartKind.Recorded,
        _ => null,
    };
}
