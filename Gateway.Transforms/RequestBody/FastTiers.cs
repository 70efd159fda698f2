using System.Buffers;
using System.Text;
using System.Text.Json;
using OpenRouterGateway.Transforms.Json;

namespace OpenRouterGateway.Transforms.RequestBody;

/// <summary>
/// Recognises requests for a fast tier, for model rights and for prices: by the value of <c>service_tier</c> or <c>speed</c>, or by the tag
/// of an endpoint in <c>provider</c>.
/// </summary>
internal static class FastTiers
{
    // A longer value is not the name of a tier, and is taken as the dearest.
    private const int LongestName = 64;

    /// <summary>The tier that an occurrence of <c>service_tier</c> or <c>speed</c> asks for.</summary>
    public static StatedTier Read(in BodyMember member, in ReadOnlySequence<byte> body)
    {
        if (member.Kind != JsonValueKind.String)
        {
            return member.Kind == JsonValueKind.Null ? StatedTier.Unstated : StatedTier.Unknown;
        }

        if (member.Value.Length > LongestName)
        {
            return StatedTier.Fast;
        }

        // A cheap tier must be spelled exactly: upstream may not know another spelling, or read it as another tier.
        var name = JsonStringDecoder.Decode(body.Slice(member.Value.Start + 1, member.Value.Length - 2));
        return name switch
        {
            "default" or "flex" or "standard" or "standard_only" => StatedTier.Standard,
            "auto" => StatedTier.Unstated,
            _ when Is(name, "fast") || Is(name, "priority") => StatedTier.Fast,
            _ => StatedTier.Unknown,
        };

        static bool Is(string name, string tier) => name.AsSpan().Trim().Equals(tier, StringComparison.OrdinalIgnoreCase);
    }

    /// <summary>
    /// Whether an object <c>provider</c> admits the fast tier of a provider by its tag, such as <c>openai/priority</c>, in any member but
    /// <c>ignore</c>.
    /// </summary>
    public static bool AreAdmittedBy(in ReadOnlySequence<byte> provider)
    {
        var reader = new Utf8JsonReader(provider, JsonText.AnyDepth);
        while (reader.Read())
        {
            if (reader.TokenType == JsonTokenType.PropertyName && reader.CurrentDepth == 1 && IsIgnore(TextOf(reader)))
            {
                reader.Skip();
            }
            else if (reader.TokenType == JsonTokenType.String && IsTag(TextOf(reader)))
            {
                return true;
            }
        }

        return false;
    }

    private static ReadOnlySpan<byte> TextOf(in Utf8JsonReader reader) =>
        reader.HasValueSequence ? reader.ValueSequence.ToArray() : reader.ValueSpan;

    private static bool IsIgnore(ReadOnlySpan<byte> name) => name.Contains((byte)'\\')
        ? JsonStringDecoder.Decode(name) == "ignore"
        : name.SequenceEqual("ignore"u8);

    private static bool IsTag(ReadOnlySpan<byte> tag) => tag.Contains((byte)'\\')
        ? IsTag(Encoding.UTF8.GetBytes(JsonStringDecoder.Decode(tag).Replace('\\', '/')))
        : EndsWith(tag.TrimEnd((byte)' '), "/priority"u8) || EndsWith(tag.TrimEnd((byte)' '), "/fast"u8);

    private static bool EndsWith(ReadOnlySpan<byte> text, ReadOnlySpan<byte> end) =>
        text.Length >= end.Length && Ascii.EqualsIgnoreCase(text[^end.Length..], end);
}
