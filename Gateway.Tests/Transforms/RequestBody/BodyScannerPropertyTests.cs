using System.Text;
using CsCheck;
using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.Transforms.RequestBody;

public class BodyScannerPropertyTests
{
    private static readonly Gen<string> Space = Gen.OneOf("", "", "", " ", "\n", "\t", "\r\n", "  \n\t ");

    // Escaped spellings of the routing members stand beside plain ones and near misses.
    private static readonly Gen<string> Keys = Gen.OneOf(
        "\"model\"", "\"models\"", "\"fallbacks\"", "\"provider\"", "\"preset\"", "\"stream\"",
        "\"mod\\u0065l\"", "\"\\u006D\\u006f\\u0064\\u0065\\u006c\"", "\"m\\u006Fdels\"", "\"\\u0066\\u0061\\u006c\\u006c\\u0062\\u0061\\u0063\\u006b\\u0073\"", "\"\\u0070rovider\"",
        "\"Model\"", "\"model \"", "\"models2\"", "\"mod\\\\u0065l\"", "\"messages\"", "\"content\"", "\"role\"", "\"\"", "\"é\"", "\"a\\\"b\"", "\"x\\ny\"");

    private static readonly Gen<string> Strings = Gen.Frequency(
        (4, Gen.OneOf("\"\"", "\"openai/gpt-4o\"", "\"model\"", "\"\\\\\"", "\"\\\"\"", "\"{}[],:\"", "\"é€😀\"", "\"\\uD83D\\uDE00\"", "\"open\\u0061i\\/x\"", "\"\\b\\f\\n\\r\\t\"")),
        (1, Gen.Int[0, 300].Select(length => "\"" + new string('x', length) + "\"")),
        (1, Gen.Int[0, 100].Select(length => "\"" + new string('é', length) + "\\n😀\"")));

    private static readonly Gen<string> Numbers = Gen.OneOf(
        "0", "-0", "1", "-1", "42", "0.5", "-0.0", "1e5", "1E+5", "1e-05", "123456789012345678901234567890", "0.1000000000000000055511151231257827", "1.5e300", "9e9999");

    private static readonly Gen<string> Scalars = Gen.Frequency((3, Strings), (2, Numbers), (1, Gen.OneOf("true", "false", "null")));

    private static readonly Gen<string> Bodies =
        from bom in Gen.OneOf("", "", "", "\uFEFF")
        from before in Space
        from body in ObjectOf(5)
        from after in Space
        select bom + before + body + after;

    [Fact]
    public void GeneratedBody_GivesTheFactsOfAFullWalk() =>
        Gen.Select(Bodies, Gen.Int[1, 64].Array[1, 8]).Sample(
            (text, sizes) =>
            {
                var body = Encoding.UTF8.GetBytes(text);
                Assert.True(NaiveScan.IsValid(body));
                var expected = BodyScan.Describe(NaiveScan.Facts(body));
                Assert.Equal(expected, BodyScan.Whole(body));
                Assert.Equal(expected, BodyScan.InPieces(body, Cut(body, sizes)));
            },
            iter: TestEffort.Times(250));

    [Fact]
    public void GeneratedBodyWithAByteTakenOut_IsJudgedAsByTheFramework() =>
        Gen.Select(Bodies, Gen.Int[0, int.MaxValue]).Sample(
            (text, at) =>
            {
                var whole = Encoding.UTF8.GetBytes(text);
                byte[] body = [.. whole.Where((_, i) => i != at % whole.Length)];
                Assert.Equal(NaiveScan.IsValid(body), BodyScan.FaultOf(body) is null);
                Assert.Equal(BodyScan.Whole(body), BodyScan.ByteByByte(body));
            },
            iter: TestEffort.Times(250));

    private static Gen<string> Value(int levels) => levels == 0
        ? Scalars
        : Gen.Frequency((4, Scalars), (2, ArrayOf(levels - 1)), (2, ObjectOf(levels - 1)), (1, Deep(levels - 1)));

    private static Gen<string> ArrayOf(int levels) =>
        from open in Space
        from items in Gen.Select(Value(levels), Space, (value, space) => value + space).Array[0, 4]
        select "[" + open + string.Join("," + open, items) + "]";

    private static Gen<string> ObjectOf(int levels) =>
        from open in Space
        from members in Gen.Select(Keys, Space, Value(levels), Space, (key, before, value, after) => key + before + ":" + before + value + after).Array[0, 6]
        select "{" + open + string.Join("," + open, members) + "}";

    private static Gen<string> Deep(int levels) =>
        from depth in Gen.Int[60, 140]
        from value in Value(levels)
        select string.Concat(Enumerable.Repeat("[", depth)) + value + string.Concat(Enumerable.Repeat("]", depth));

    private static List<byte[]> Cut(byte[] body, int[] sizes)
    {
        var pieces = new List<byte[]>();
        for (int at = 0, i = 0; at < body.Length; i++)
        {
            var length = Math.Min(sizes[i % sizes.Length], body.Length - at);
            pieces.Add(body[at..(at + length)]);
            at += length;
        }

        return pieces;
    }
}
