using System.Text;
using OpenRouterGateway.Transforms.Json;

namespace OpenRouterGateway.Transforms.RequestBody;

/// <summary>The values of <c>type</c> that mark a media part, and the media types of its data.</summary>
internal static class MediaTypes
{
    /// <summary>The longest spelling of a <c>type</c>: 19 letters of six bytes each.</summary>
    public const int MaxLength = 19 * 6;

    /// <summary>Whether a <c>type</c>, escaped or not, says that its object is an image, a recording, a video or a document.</summary>
    public static bool IsPart(ReadOnlySpan<byte> type)
    {
        if (type.Length > MaxLength)
        {
            return false;
        }

        if (!type.Contains((byte)'\\'))
        {
            return IsPlainPart(type);
        }

        Span<char> decoded = stackalloc char[MaxLength];
        var length = JsonStringDecoder.Decode(type, decoded);
        Span<byte> plain = stackalloc byte[3 * MaxLength];
        return IsPlainPart(plain[..Encoding.UTF8.GetBytes(decoded[..length], plain)]);
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

    private static bool IsPlainPart(ReadOnlySpan<byte> type) => type.Length switch
    {
        4 => type.SequenceEqual("file"u8),
        5 => type.SequenceEqual("image"u8) || type.SequenceEqual("audio"u8) || type.SequenceEqual("video"u8),
        8 => type.SequenceEqual("document"u8),
        9 => type.SequenceEqual("image_url"u8) || type.SequenceEqual("video_url"u8) || type.SequenceEqual("audio_url"u8),
        10 => type.SequenceEqual("input_file"u8),
        11 => type.SequenceEqual("input_image"u8) || type.SequenceEqual("input_audio"u8) || type.SequenceEqual("input_video"u8),
        19 => type.SequenceEqual("computer_screenshot"u8),
        _ => false,
    };
}
