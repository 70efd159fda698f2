using System.Text;
using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.Transforms.RequestBody;

/// <summary>
/// RFC 8259 to the letter. Texts are written in Latin-1: a character is one byte, so that "Ã©" spells the two bytes of an é and
/// broken UTF-8 can be spelt as well.
/// </summary>
public class BodyScannerSyntaxTests
{
    private const string Bom = "\u00EF\u00BB\u00BF";

    public static TheoryData<string> ValidValues =>
    [
        "0", "-0", "1", "-1", "10", "1234567890", "0.0", "0.5", "-0.5", "1.25", "10.010", "1e0", "1E0", "1e+0", "1e-0", "1E+10", "0e0", "-0.0e-00",
        "1.5e300", "1e9999", "-1e-9999", "123456789012345678901234567890.123456789012345678901234567890",
        "true", "false", "null",
        "\"\"", "\"a\"", "\"/\"", "\"\u007F\"", "\"\\\"\"", "\"\\\\\"", "\"\\/\"", "\"\\b\\f\\n\\r\\t\"", "\"\\u0000\"", "\"\\u00e9\"", "\"\\u00E9\"",
        "\"\\uD83D\\uDE00\"", "\"\\ud800\"", "\"\\udc00\\ud800\"", "\"\\uD800\\n\"", "\"\\uFFFF\"", "\"\\\\u0000\"", "\"\\\\\\\"\"", "\"\\u0022\"",
        "\"{\\\"model\\\":\\\"x\\\"}\"", "\"//\"", "\"'\"",
        "\"\u00C3\u00A9\"", "\"\u00C2\u0080\"", "\"\u00DF\u00BF\"", "\"\u00E0\u00A0\u0080\"", "\"\u00E2\u0082\u00AC\"", "\"\u00ED\u009F\u00BF\"",
        "\"\u00EE\u0080\u0080\"", "\"\u00EF\u00BF\u00BF\"", "\"\u00EF\u00BB\u00BF\"", "\"\u00F0\u0090\u0080\u0080\"", "\"\u00F0\u009F\u0098\u0080\"",
        "\"\u00F4\u008F\u00BF\u00BF\"", "\"\u00E2\u0080\u00A8\"",
        "[]", "[ ]", "[\t\n\r ]", "{}", "{ }", "[[]]", "[{}]", "[1]", "[1,2]", "[ 1 , 2 ]", "[[],[]]", "[null,true,false,\"\",0,{},[]]",
        "{\"\":0}", "{\"a\":0}", "{\"a\":0,\"a\":1}", "{ \"a\" : 0 , \"b\" : 1 }", "{\"a\":{\"b\":[{}]}}", "{\"\\u0061\":1}", "{\"\u00C3\u00A9\":1}",
        " 1", "1 ", "\t1", "1\n", "\r\n1\r\n",
    ];

    public static TheoryData<string> InvalidValues =>
    [
        "", " ", "+1", "-", "--1", "- 1", "01", "00", "-01", "1.", "-1.", ".5", "-.5", "1.e5", "1e", "1E+", "1e-", "1e1.5", "1e++1", "1..5", "1.5.5", "1_000",
        "0x1", "0X1F", "1a", "1-", "1 2", "0 1", "NaN", "-NaN", "nan", "Infinity", "-Infinity", "inf", "1f", "1L", "\u00EF\u00BC\u0091",
        "t", "tru", "truE", "True", "TRUE", "truee", "true1", "fals", "falze", "False", "nul", "nil", "None", "undefined", "nulll", "tr ue",
        "'a'", "\"", "\"a", "a\"", "\"\\\"", "\"\\", "\"\\x\"", "\"\\a\"", "\"\\v\"", "\"\\'\"", "\"\\0\"", "\"\\U0041\"", "\"\\u\"", "\"\\u1\"", "\"\\u12\"",
        "\"\\u123\"", "\"\\u123g\"", "\"\\u 123\"", "\"\\u+123\"", "\"\\u-123\"", "\"\\u{41}\"", "\"\\\n\"", "\"\\\u00C3\u00A9\"", "\"\\u00\u00C3\u00A9\"", "\"a\"b\"", "\"a\" \"b\"", "`a`",
        "\"\n\"", "\"\t\"", "\"\r\"", "\"\0\"", "\"\u001F\"", "\"\u0001\"", "\"a\bb\"", "\"a\fb\"",
        "\"\u0080\"", "\"\u00BF\"", "\"\u00FF\"", "\"\u00FE\"", "\"\u00C3\"", "\"\u00C3a\"", "\"\u00C3\u00C3\"", "\"\u00C3\u00A9\u00A9\"", "\"\u00E2\u0082\"", "\"\u00E2\"",
        "\"\u00E2\u0082a\"", "\"\u00F0\u009F\u0098\"", "\"\u00F0\u009F\"", "\"\u00F0\"", "\"\u00F0\u009F\u0098a\"",
        "\"\u00C0\u0080\"", "\"\u00C0\u00AF\"", "\"\u00C1\u00BF\"", "\"\u00E0\u0080\u0080\"", "\"\u00E0\u009F\u00BF\"", "\"\u00F0\u0080\u0080\u0080\"", "\"\u00F0\u008F\u00BF\u00BF\"",
        "\"\u00ED\u00A0\u0080\"", "\"\u00ED\u00BF\u00BF\"", "\"\u00ED\u00A0\u00BD\u00ED\u00B8\u0080\"", "\"\u00F4\u0090\u0080\u0080\"", "\"\u00F5\u0080\u0080\u0080\"",
        "\"\u00F8\u0088\u0080\u0080\u0080\"", "\"\u00FC\u0084\u0080\u0080\u0080\u0080\"",
        "[", "]", "[1", "[1,", "[1,]", "[,1]", "[,]", "[1,,2]", "[1 2]", "[1;2]", "[\"a\" \"b\"]", "[1}", "[}", "[\"a\":1]", "(1)", "[1]]", "[[1]", "[...]",
        "{", "}", "{\"a\"", "{\"a\":", "{\"a\":1", "{\"a\":1,", "{\"a\":1,}", "{,}", "{,\"a\":1}", "{\"a\":1,,\"b\":2}", "{\"a\" 1}", "{\"a\",1}", "{\"a\"::1}",
        "{\"a\":1 \"b\":2}", "{\"a\":1;\"b\":2}", "{a:1}", "{'a':1}", "{1:1}", "{null:1}", "{[]:1}", "{\"a\":}", "{:1}", "{\"a\":1]", "{]", "{\"a\":1}}", "{\"a\":1 :2}", "{\"a\n\":1}",
        "/* */1", "1/* */", "//\n1", "1//\n", "#1", "[1/**/]", "1,", ",1", ":", ",", "*", "\\u0031", "\\n", "\u00C3\u00A9", "\u00C2\u00A0", "\u00C2\u00A01", "\u00E2\u0080\u00A8", "\u00A0", "\u0085",
        "\0", "1\0", "\0" + "1", "\f1", "1\f", "\v1", "\b1", "\u001A", "\u00FF", "\u00EF\u00BB\u00BF1", "\u00E2\u0081\u00A01", "\u00ED\u00A0\u0080", "<1>", "&", "@",
    ];

    public static TheoryData<string> ValidBodies =>
    [
        "{}", "{ }", "\t\r\n {\t\r\n }\t\r\n ", "{\"a\":1}", Bom + "{}", Bom + "{\"a\":1}", Bom + " {} ", "{}\n", "{}\r\n\r\n", "{\"\":{}}", "{\"a\":1,\"a\":1}",
    ];

    public static TheoryData<string> InvalidBodies =>
    [
        "", " ", "\n", Bom, Bom + " ", Bom + Bom + "{}", " " + Bom + "{}", "{" + Bom + "}", "{}" + Bom, "\u00EF{}", "\u00EF\u00BB{}", "\u00EF\u00BB", "\u00EF", "\u00EF\u00BC\u0091{}", "\u00EF\u00BC{}",
        "\u00FE\u00FF\0{\0}", "\u00FF\u00FE{\0}\0", "{\0}\0", "\0{\0}",
        "[]", "[{}]", "1", "-1", "\"a\"", "\"{}\"", "true", "false", "null", "x",
        "{}{}", "{} {}", "{}\n{}", "{},", "{}]", "{}}", "{}\0", "{}\u001A", "{}x", "{}1", "{} //", "{}\u00FF", "{}\u00C3\u00A9", "{}\u00C3", "{}\f", "\f{}", "\0{}", "\u001E{}",
        "{", "{\"", "{\"a", "{\"a\"", "{\"a\":", "{\"a\":1", "{\"a\":\"", "{\"a\":[", "{\"a\":{", "{\"a\":{}", "{\"a\":tr", "{\"a\":-", "{\"a\":1.", "{\"a\":1e", "{\"a\":\"\\", "{\"a\":\"\\u12", "{\"a\":1,",
        "data: {}", ")]}'\n{}", "a={}", "model=x&stream=true", "{\"x\":\"\u00E2\u0082", "{x\u00FF}", "{\"a\":1,\u00FF}", "{\"a\":x\"\u00FF\"}", "{\u00E1\u0080\"a\":1}",
    ];

    [Theory]
    [MemberData(nameof(ValidValues))]
    public void ValidValue_IsAcceptedHoweverItArrives(string value)
    {
        Assert.StartsWith("length ", BodyScan.EveryWay(Bytes("{\"x\":" + value + "}")), StringComparison.Ordinal);
        Assert.StartsWith("length ", BodyScan.EveryWay(Bytes("{\"x\":[" + value + "," + value + "],\"model\":" + value + "}")), StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(InvalidValues))]
    public void InvalidValue_IsRejectedHoweverItArrives(string value)
    {
        Assert.StartsWith("fault at ", BodyScan.EveryWay(Bytes("{\"x\":" + value + "}")), StringComparison.Ordinal);
        Assert.StartsWith("fault at ", BodyScan.EveryWay(Bytes("{\"x\":[0," + value + "]}")), StringComparison.Ordinal);
        Assert.StartsWith("fault at ", BodyScan.EveryWay(Bytes("{\"model\":{\"y\":" + value + "}}")), StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(ValidBodies))]
    public void OneObject_IsAcceptedHoweverItArrives(string body) =>
        Assert.StartsWith("length ", BodyScan.EveryWay(Bytes(body)), StringComparison.Ordinal);

    [Theory]
    [MemberData(nameof(InvalidBodies))]
    public void AnythingElse_IsRejectedHoweverItArrives(string body) =>
        Assert.StartsWith("fault at ", BodyScan.EveryWay(Bytes(body)), StringComparison.Ordinal);

    [Theory]
    [InlineData("", 0, "the body is empty")]
    [InlineData("  ", 2, "the body ends too early")]
    [InlineData("[]", 0, "expected '{'")]
    [InlineData("{\"a\":01}", 6, "a number with a leading zero")]
    [InlineData("{\"a\":1.}", 7, "an incomplete number")]
    [InlineData("{\"a\":tru}", 8, "invalid literal")]
    [InlineData("{\"a\":\"\n\"}", 6, "unescaped control character in a string")]
    [InlineData("{\"a\":\"\\x\"}", 7, "invalid escape sequence")]
    [InlineData("{\"a\":\"\\u12x4\"}", 10, "invalid \\u escape sequence")]
    [InlineData("{\"a\":\"ok\u00C3\u0028\"}", 8, "invalid UTF-8")]
    [InlineData("{\"a\":\"\u00E2\u0082", 6, "invalid UTF-8")]
    [InlineData("{\"a\":}", 5, "expected a value")]
    [InlineData("{\"a\":[}", 6, "expected a value or ']'")]
    [InlineData("{\"a\":1 2}", 7, "expected ',' or '}'")]
    [InlineData("{\"a\":[1 2]}", 8, "expected ',' or ']'")]
    [InlineData("{\"a\" 1}", 5, "expected ':'")]
    [InlineData("{1}", 1, "expected a member name or '}'")]
    [InlineData("{\"a\":1,}", 7, "expected a member name")]
    [InlineData("{}x", 2, "unexpected bytes after the object")]
    [InlineData("{\"a\":1", 6, "the body ends too early")]
    [InlineData("{x \u00FF}", 1, "expected a member name or '}'")]
    public void Fault_SaysWhereAndWhat(string body, int offset, string problem) =>
        Assert.Equal($"fault at {offset}: {problem}", BodyScan.EveryWay(Bytes(body)));

    [Fact]
    public void Fault_CountsOffsetsOverLargeBodies()
    {
        var body = Bytes("{\"a\":\"" + new string('x', 200_000) + "\u00FF\"}");
        Assert.Equal("fault at 200006: invalid UTF-8", BodyScan.Whole(body));
    }

    [Fact]
    public void EveryByteOutsideAString_IsAcceptedOnlyIfTheGrammarSaysSo()
    {
        for (var b = 0; b < 256; b++)
        {
            var isWhiteSpace = b is ' ' or '\t' or '\r' or '\n';
            foreach (var body in (string[])[$"{(char)b}{{}}", $"{{{(char)b}}}", $"{{\"a\"{(char)b}:1}}", $"{{\"a\":1}}{(char)b}", $"{{\"a\":[]{(char)b}}}"])
            {
                Assert.Equal(isWhiteSpace, BodyScan.FaultOf(Bytes(body)) is null);
            }
        }
    }

    [Fact]
    public void EveryByteInsideAString_IsAcceptedOnlyIfTheGrammarSaysSo()
    {
        for (var b = 0; b < 256; b++)
        {
            for (var before = 0; before < 40; before++)
            {
                var body = Bytes("{\"a\":\"" + new string('x', before) + (char)b + "yy\"}");
                Assert.Equal(b is >= 0x20 and < 0x80 and not '"' and not '\\', BodyScan.FaultOf(body) is null);
            }
        }
    }

    [Fact]
    public void EveryPairOfBytesInAString_IsUtf8OrRejected()
    {
        for (var first = 0x80; first < 256; first++)
        {
            for (var second = 0x20; second < 256; second++)
            {
                if (second is '"' or '\\')
                {
                    continue;
                }

                byte[] body = [.. "{\"a\":\""u8, (byte)first, (byte)second, .. "\"}"u8];
                var expected = System.Text.Unicode.Utf8.IsValid(body);
                Assert.Equal(expected, BodyScan.FaultOf(body) is null);
                Assert.Equal(BodyScan.Whole(body), BodyScan.ByteByByte(body));
            }
        }
    }

    [Theory]
    [InlineData(1_000)]
    [InlineData(100_000)]
    public void DeepNesting_IsOrdinaryInput(int levels)
    {
        foreach (var (open, close) in new[] { ("[", "]"), ("{\"a\":", "}"), ("[{\"model\":", "}]") })
        {
            var opening = string.Concat(Enumerable.Repeat(open, levels));
            var closing = string.Concat(Enumerable.Repeat(close, levels));
            var body = Bytes("{\"x\":" + opening + "1" + closing + ",\"model\":\"m\"}");
            var facts = BodyScan.Facts(body);
            Assert.Equal("m", facts.RequestedModel);
            Assert.Single(facts.Members);
            Assert.Equal(BodyScan.Whole(body), BodyScan.ByteByByte(body));

            Assert.NotNull(BodyScan.FaultOf(Bytes("{\"x\":" + opening + "1" + closing[..^1] + "}")));
            Assert.NotNull(BodyScan.FaultOf(Bytes("{\"x\":" + opening)));
        }
    }

    [Theory]
    [InlineData(62)]
    [InlineData(63)]
    [InlineData(64)]
    [InlineData(65)]
    [InlineData(127)]
    [InlineData(128)]
    [InlineData(129)]
    [InlineData(1024)]
    [InlineData(1025)]
    public void WrongClosingBracket_IsSeenAtEveryLevel(int levels)
    {
        for (var wrong = 0; wrong < levels; wrong++)
        {
            // Objects and arrays in turn; one bracket on the way back is of the other kind.
            var body = new StringBuilder("{\"x\":");
            for (var i = 0; i < levels; i++)
            {
                body.Append(i % 3 == 0 ? "{\"a\":" : "[");
            }

            body.Append('1');
            for (var i = levels - 1; i >= 0; i--)
            {
                body.Append((i % 3 == 0) != (i == wrong) ? '}' : ']');
            }

            body.Append('}');
            Assert.NotNull(BodyScan.FaultOf(Bytes(body.ToString())));
        }
    }

    private static byte[] Bytes(string text) => Encoding.Latin1.GetBytes(text);
}
