using System.Buffers;
using System.Buffers.Text;
using System.Text;
using System.Text.Json;
using OpenRouterGateway.Transforms.Json;

namespace OpenRouterGateway.Transforms.RequestBody;

/// <summary>
/// A count in a body, such as an output cap. Of duplicates the last counts upstream, but nothing here relies on it: the highest is taken.
/// </summary>
/// <param name="Highest">The highest number above zero, rounded up and clamped to the range of a long; 0 if there is none.</param>
/// <param name="IsUnsure">
/// Whether another value than <see cref="Highest"/> may count upstream: a member is not a number above zero, or one of duplicates is
/// <c>null</c>.
/// </param>
internal readonly record struct StatedCount(long Highest, bool IsUnsure)
{
    private const int LongestNumber = 64;

    /// <summary>Reads a member. Without one, or if it is <c>null</c>, the default.</summary>
    public static StatedCount Read(BodyFacts facts, BodyMemberName name, in ReadOnlySequence<byte> body)
    {
        var (highest, isUnsure, isNull) = (0L, false, false);
        foreach (var member in facts.Members)
        {
            if (member.Name == name)
            {
                var value = member.Kind switch
                {
                    JsonValueKind.Number => ReadNumber(body.Slice(member.Value.Start, member.Value.Length)),

                    // Some servers accept digits in quotes.
                    JsonValueKind.String => ReadText(body.Slice(member.Value.Start + 1, member.Value.Length - 2)),
                    _ => 0,
                };
                highest = Math.Max(highest, value);
                isNull |= member.Kind == JsonValueKind.Null;
                isUnsure |= member.Kind != JsonValueKind.Null && (value <= 0 || member.Kind != JsonValueKind.Number);
            }
        }

        return new StatedCount(highest, isUnsure || (isNull && highest > 0));
    }

    private static long ReadNumber(in ReadOnlySequence<byte> text)
    {
        if (text.Length > LongestNumber)
        {
            return long.MaxValue;
        }

        Span<byte> digits = stackalloc byte[(int)text.Length];
        text.CopyTo(digits);
        return TryParse(digits, out var count) ? count : 0;
    }

    /// <summary>
    /// Reads the text of a string. Servers differ in the spellings that they accept beside digits, such as <c>1_000</c> or <c>0x10</c>: a
    /// text with digits that is not a plain number is the highest number.
    /// </summary>
    private static long ReadText(in ReadOnlySequence<byte> raw)
    {
        if (raw.Length > LongestNumber)
        {
            return long.MaxValue;
        }

        var text = JsonStringDecoder.Decode(raw).Trim();
        return TryParse(Encoding.UTF8.GetBytes(text), out var count) ? count
            : text.Any(char.IsDigit) ? long.MaxValue
            : 0;
    }

    private static bool TryParse(ReadOnlySpan<byte> digits, out long count)
    {
        if (Utf8Parser.TryParse(digits, out count, out var consumed) && consumed == digits.Length)
        {
            return true;
        }

        if (!Utf8Parser.TryParse(digits, out double number, out consumed) || consumed != digits.Length || double.IsNaN(number))
        {
            return false;
        }

        count = number < long.MaxValue ? (long)Math.Ceiling(Math.Max(0, number)) : long.MaxValue;
        return true;
    }
}
