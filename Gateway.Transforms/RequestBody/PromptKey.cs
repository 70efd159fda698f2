using System.Text;
using OpenRouterGateway.Transforms.Json;

namespace OpenRouterGateway.Transforms.RequestBody;

/// <summary>The member names that <see cref="PromptCollector"/> recognises, at any depth.</summary>
internal enum PromptKey : byte
{
    None,

    /// <summary><c>type</c>.</summary>
    Type,

    /// <summary><c>ttl</c>.</summary>
    Ttl,

    /// <summary><c>cache_control</c>.</summary>
    CacheControl,

    /// <summary><c>messages</c> or <c>input</c>.</summary>
    Conversation,

    /// <summary><c>content</c>, <c>output</c> or <c>images</c>.</summary>
    Parts,

    /// <summary><c>output</c>, which may also be an object: the screenshot of a computer.</summary>
    Output,

    /// <summary><c>image_url</c>, <c>video_url</c>, <c>input_audio</c>, <c>file</c> or <c>source</c>.</summary>
    Data,
}

/// <summary>Finds the <see cref="PromptKey"/> of a member name.</summary>
internal static class PromptKeys
{
    /// <summary>The longest spelling of a name: 13 letters of six bytes each.</summary>
    public const int MaxLength = 13 * 6;

    // The shortest spelling of a name with an escape: two letters and six bytes.
    private const int ShortestEscaped = 8;

    /// <summary>Finds a name, escaped or not.</summary>
    public static PromptKey Find(ReadOnlySpan<byte> key) => key.Length switch
    {
        3 when key.SequenceEqual("ttl"u8) => PromptKey.Ttl,
        4 when key.SequenceEqual("type"u8) => PromptKey.Type,
        4 when key.SequenceEqual("file"u8) => PromptKey.Data,
        5 when key.SequenceEqual("input"u8) => PromptKey.Conversation,
        6 when key.SequenceEqual("output"u8) => PromptKey.Output,
        6 when key.SequenceEqual("images"u8) => PromptKey.Parts,
        6 when key.SequenceEqual("source"u8) => PromptKey.Data,
        7 when key.SequenceEqual("content"u8) => PromptKey.Parts,
        8 when key.SequenceEqual("messages"u8) => PromptKey.Conversation,
        9 when key.SequenceEqual("image_url"u8) || key.SequenceEqual("video_url"u8) => PromptKey.Data,
        11 when key.SequenceEqual("input_audio"u8) => PromptKey.Data,
        13 when key.SequenceEqual("cache_control"u8) => PromptKey.CacheControl,
        >= ShortestEscaped and <= MaxLength when key.Contains((byte)'\\') => FindEscaped(key),
        _ => PromptKey.None,
    };

    private static PromptKey FindEscaped(ReadOnlySpan<byte> key)
    {
        Span<char> decoded = stackalloc char[MaxLength];
        var length = JsonStringDecoder.Decode(key, decoded);
        Span<byte> plain = stackalloc byte[3 * MaxLength];
        plain = plain[..Encoding.UTF8.GetBytes(decoded[..length], plain)];
        return plain.Contains((byte)'\\') ? PromptKey.None : Find(plain);
    }
}
