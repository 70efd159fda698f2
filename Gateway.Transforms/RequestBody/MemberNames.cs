using System.Text;

namespace Gateway.Transforms.RequestBody;

/// <summary>Recognises the keys of the routing members, escaped or not.</summary>
internal static class MemberNames
{
    public static BodyMemberName? Find(ReadOnlySpan<byte> key)
    {
        if (!key.Contains((byte)'\\'))
        {
            return FindPlain(key);
        }

        // "mod\u0065l" is `model` to every parser upstream. Escapes only shorten, so the decoded name fits where the raw one did.
        Span<char> decoded = stackalloc char[key.Length];
        var length = JsonStringDecoder.Decode(key, decoded);
        Span<byte> plain = stackalloc byte[3 * length];
        return FindPlain(plain[..Encoding.UTF8.GetBytes(decoded[..length], plain)]);
    }

    private static BodyMemberName? FindPlain(ReadOnlySpan<byte> key) => key.Length switch
    {
        5 when key.SequenceEqual("model"u8) => BodyMemberName.Model,
        6 when key.SequenceEqual("models"u8) => BodyMemberName.Models,
        6 when key.SequenceEqual("stream"u8) => BodyMemberName.Stream,
        6 when key.SequenceEqual("preset"u8) => BodyMemberName.Preset,
        8 when key.SequenceEqual("provider"u8) => BodyMemberName.Provider,
        9 when key.SequenceEqual("fallbacks"u8) => BodyMemberName.Fallbacks,
        _ => null,
    };
}
