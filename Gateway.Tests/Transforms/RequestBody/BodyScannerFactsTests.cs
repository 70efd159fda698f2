using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Gateway.Tests.Support;
using OpenRouterGateway.Transforms.RequestBody;
using Xunit;

namespace Gateway.Tests.Transforms.RequestBody;

public class BodyScannerFactsTests
{
    public static TheoryData<string> Bodies =>
    [
        "{}", " { } ", "\uFEFF{}", "\uFEFF {\"model\":\"m\"}",
        """{"model":"openai/gpt-4o"}""",
        """{"messages":[{"role":"user","content":"hi"}],"model":"openai/gpt-4o","stream":true}""",
        "{\r\n\t\"model\" \t:\r\n \"m\" \n,\r\n\t\"stream\"\t: false\t\r\n}\r\n",
        """{"model":1}""", """{"model":12}""", """{"model":-0.5e+10}""", """{"model":null}""", """{"stream":true}""", """{"stream":false }""", """{"model":{"model":"x"}}""", """{"model":["x"]}""",
        """{"model":"a","model":"b"}""", """{"model":"a","model":1}""", """{"provider":{},"provider":null,"provider":{"order":["x"]},"a":1}""",
        """{"Model":"m","MODEL":"m","model ":"m"," model":"m","mode":"m","modell":"m","models2":["m"],"modem":"m","nodel":"m","":"m"}""",
        """{"streaming":true,"strean":true,"presets":"p","prefix":"p","providers":{},"provides":{},"fallback":["m"],"fallbackz":["m"]}""",
        "{\"model\\u0000\":\"m\",\"model\\n\":\"m\",\"\\u00006model\":\"m\",\"model\u0301\":\"m\",\"mоdel\":\"m\"}",
        """{"messages":[{"model":"x","provider":{"only":["y"]}}],"metadata":{"model":"x","models":["x"],"fallbacks":[{"model":"x"}]},"s":"\"model\":\"x\""}""",
        """{"mod\u0065l":"m"}""", """{"\u006d\u006f\u0064\u0065\u006c":"m"}""", """{"\u006D\u006F\u0064\u0065\u006C\u0073":["m","n"]}""",
        """{"\u0066\u0061\u006c\u006c\u0062\u0061\u0063\u006b\u0073":[{"\u006d\u006f\u0064\u0065\u006c":"m"}]}""",
        """{"\u0066\u0061\u006C\u006C\u0062\u0061\u0063\u006B\u0073x":["m"],"\u0066\u0061\u006C\u006C\u0062\u0061\u0063\u006B\u0073\u0078":["m"]}""",
        """{"pr\u006Fvider":{},"\u0070reset":"p","strea\u006d":true}""", """{"mod\/el":"m","mod\"el":"m","mod\\u0065l":"m","\model":1}""".Replace(",\"\\model\":1", "", StringComparison.Ordinal),
        """{"model":"open\u0061i\/gpt-4o"}""", """{"model":""}""", """{"model":"\"\\\b\f\n\r\t\u00e9é€😀\uD83D\uDE00"}""",
        """{"models":[]}""", """{"models":["a"]}""", """{"models":[ "a" , "b" ]}""", """{"models":["a",1,null,["b"],{"model":"c"},"d"]}""", """{"models":"a"}""", """{"models":{"a":"b"}}""", """{"models":[["a"]]}""",
        """{"models":null,"model":"m"}""", """{"models":["a"],"models":["b"]}""",
        """{"fallbacks":[]}""", """{"fallbacks":[{"model":"a"},{"model":"b","x":{"model":"no"},"y":["no"]}]}""", """{"fallbacks":["a",{"model":"b"}]}""", """{"fallbacks":[{"x":"no","model":"a","z":"no"}]}""",
        """{"fallbacks":[{"model":"a","model":"b"}]}""", """{"fallbacks":[{"model":["no"]},{"model":{"model":"no"}},["no","model"],[["no"]],"a"]}""",
        """{"fallbacks":[{"model":"a"},["no"]]}""", """{"fallbacks":[{"model":1},{"x":"no"}]}""", """{"fallbacks":[{"models":"no","Model":"no","mod\u0065l":"a"}]}""",
        """{"fallbacks":{"a":{"model":"no"}}}""", """{"fallbacks":{"model":"no"}}""", """{"fallbacks":"no"}""", """{"fallbacks":{"a":["no"],"b":"no"},"model":"m"}""",
        """{"fallbacks":[{"model":"a"}],"model":"m","models":["x"],"preset":"p","provider":{"order":["A"]},"stream":true}""",
        """{"x":{"fallbacks":[{"model":"no"}]},"y":[{"fallbacks":[{"model":"no"}]}]}""",
        """{"a":[1,2,[3,{"b":[]}]],"model":"m","c":"}"}""", """{"a":"\\","model":"m"}""", """{"a":"\\\"","model":"m"}""", """{"a":[],"b":{},"provider":{} }""",
        """{"0":0,"model":"m","1":1}""", """{"model":"m" , "1":1 ,"provider" :{"a":[1]}  }""", """{"temperature":0.7}""", """{"temperature":1}""", """{"temperature":1e5 }""",
    ];

    [Theory]
    [MemberData(nameof(Bodies))]
    public void Facts_AreThoseOfAFullWalkHoweverTheBodyArrives(string text)
    {
        var body = Encoding.UTF8.GetBytes(text);
        Assert.Equal(BodyScan.Describe(NaiveScan.Facts(body)), BodyScan.EveryWay(body));
    }

    [Fact]
    public void Ranges_AreExact()
    {
        //          0         1         2         3         4         5
        //          012345678901234567890123456789012345678901234567890123456789
        var body = """{ "a":1, "model" : "m\/n" , "provider":{"x":[]} ,"b":2 } """;
        var facts = BodyScan.Facts(body);
        Assert.Equal(
            [
                new BodyMember(BodyMemberName.Model, 9, new ByteRange(19, 6), JsonValueKind.String, 27),
                new BodyMember(BodyMemberName.Provider, 28, new ByteRange(39, 8), JsonValueKind.Object, 49),
            ],
            facts.Members);
        Assert.Equal([new ModelName("m/n", new ByteRange(19, 6), 0)], facts.Models);
        Assert.Equal(54, facts.InsertAt);
        Assert.Equal(body.Length, facts.Length);
        Assert.False(facts.IsEmpty);
    }

    [Theory]
    [InlineData("{}", 1, true)]
    [InlineData("{ }", 1, true)]
    [InlineData(" {\n}\n", 2, true)]
    [InlineData("\uFEFF{}", 4, true)]
    [InlineData("{\"a\":1}", 6, false)]
    [InlineData("{\"a\":1 }", 6, false)]
    [InlineData("{\"a\":\"b\"\n}", 8, false)]
    [InlineData("{\"a\":[{}]\t}", 9, false)]
    public void InsertAt_IsBehindTheLastValueOrTheBrace(string body, int insertAt, bool isEmpty)
    {
        var facts = BodyScan.Facts(body);
        Assert.Equal(insertAt, facts.InsertAt);
        Assert.Equal(isEmpty, facts.IsEmpty);
    }

    [Fact]
    public void LastDuplicate_Counts()
    {
        var facts = BodyScan.Facts("""{"model":"a","stream":true,"models":["x"],"model":"b","stream":false}""");
        Assert.Equal("b", facts.RequestedModel);
        Assert.False(facts.Streams);
        Assert.Equal(3, facts.LastIndexOf(BodyMemberName.Model));
        Assert.Equal(-1, facts.LastIndexOf(BodyMemberName.Provider));
        Assert.Equal(["a", "x", "b"], facts.Models.Select(model => model.Text));
    }

    [Theory]
    [InlineData("""{"model":"a","models":["b"]}""", "a")]
    [InlineData("""{"models":["b","c"]}""", "b")]
    [InlineData("""{"model":null,"models":["b"]}""", "b")]
    [InlineData("""{"models":[]}""", null)]
    [InlineData("""{"models":["b"],"models":["c"]}""", "c")]
    [InlineData("""{"fallbacks":[{"model":"f"}]}""", null)]
    [InlineData("""{}""", null)]
    public void RequestedModel_IsModelElseFirstOfModels(string body, string? expected) =>
        Assert.Equal(expected, BodyScan.Facts(body).RequestedModel);

    [Theory]
    [InlineData("""{"stream":true}""", true)]
    [InlineData("""{"stream":"true"}""", false)]
    [InlineData("""{"stream":1}""", false)]
    [InlineData("""{"stream":null}""", false)]
    [InlineData("""{}""", false)]
    public void Streams_OnlyOnTrue(string body, bool expected) => Assert.Equal(expected, BodyScan.Facts(body).Streams);

    // Attributes cannot hold lone surrogates: the expected name is given in UTF-16 units.
    [Theory]
    [InlineData("""{"model":"a\ud800"}""", "0061 D800")]
    [InlineData("""{"model":"\udc00\ud800b"}""", "DC00 D800 0062")]
    [InlineData("""{"model":"\uD83D\uDE00"}""", "D83D DE00")]
    [InlineData("""{"model":"\\\"\/\b\f\n\r\t"}""", "005C 0022 002F 0008 000C 000A 000D 0009")]
    [InlineData("""{"model":"\u0000"}""", "0000")]
    public void ModelName_IsDecodedWithLoneSurrogatesKept(string body, string expected)
    {
        var bytes = Encoding.UTF8.GetBytes(body);
        var name = Assert.Single(BodyScan.Facts(bytes).Models).Text;
        Assert.Equal(expected, string.Join(' ', name.Select(unit => ((int)unit).ToString("X4", CultureInfo.InvariantCulture))));
        BodyScan.EveryWay(bytes);
    }

    [Fact]
    public void LoneSurrogateInAKey_IsNoneOfOurs() => Assert.Empty(BodyScan.Facts("""{"mode\ud86c":"m","\udc6dodel":"m"}""").Members);

    [Fact]
    public void MembersAcrossTheScannersPieces_AreFound()
    {
        // Members slide over the 32 KB at which the scanner takes its next piece.
        for (var padding = (32 * 1024) - 80; padding < (32 * 1024) + 8; padding++)
        {
            var body = Encoding.UTF8.GetBytes(
                "{\"a\":\"" + new string('é', padding / 2) + new string('x', padding % 2)
                + "\",\"mod\\u0065l\":\"op\\u0065nai/é😀\",\"provider\":{\"a\":-1.5e+7},\"stream\":true}");
            Assert.Equal(BodyScan.Describe(NaiveScan.Facts(body)), BodyScan.Whole(body));
        }
    }

    [Fact]
    public void MoreRoutingMembersThanAnyHonestRequestHas_AreAFault()
    {
        Assert.Equal(RoutingMemberCollector.MaxEntries, BodyScan.Facts(Repeat("\"stream\":1", RoutingMemberCollector.MaxEntries)).Members.Count);
        Assert.Contains(
            "more than 1024 routing members", BodyScan.ByteByByte(Repeat("\"stream\":1", RoutingMemberCollector.MaxEntries + 1)), StringComparison.Ordinal);
        Assert.Equal(
            BodyScan.Whole(Repeat("\"stream\":1", RoutingMemberCollector.MaxEntries + 9)), BodyScan.ByteByByte(Repeat("\"stream\":1", RoutingMemberCollector.MaxEntries + 9)));

        static byte[] Repeat(string member, int count) => Encoding.UTF8.GetBytes("{" + string.Join(',', Enumerable.Repeat(member, count)) + "}");
    }

    [Fact]
    public void MoreModelNamesThanAnyHonestRequestHas_AreAFault()
    {
        Assert.Equal(RoutingMemberCollector.MaxEntries, BodyScan.Facts(Names(RoutingMemberCollector.MaxEntries)).Models.Count);
        Assert.Contains("more than 1024 model names", BodyScan.Whole(Names(RoutingMemberCollector.MaxEntries + 1)), StringComparison.Ordinal);
        Assert.Equal(BodyScan.Whole(Names(RoutingMemberCollector.MaxEntries + 9)), BodyScan.ByteByByte(Names(RoutingMemberCollector.MaxEntries + 9)));

        static byte[] Names(int count) => Encoding.UTF8.GetBytes("{\"models\":[" + string.Join(',', Enumerable.Repeat("\"m\"", count)) + "]}");
    }

    [Fact]
    public void ModelNameLongerThanAnyModelHas_IsAFault()
    {
        var longest = new string('m', RoutingMemberCollector.MaxModelNameLength);
        Assert.Equal(longest, BodyScan.Facts("{\"model\":\"" + longest + "\"}").RequestedModel);
        Assert.Equal(
            "fault at 9: a model name of more than 512 bytes", BodyScan.Whole(Encoding.UTF8.GetBytes("{\"model\":\"" + longest + "m\"}")));

        // Nor is a preset longer: it is decoded for the rules and rights.
        Assert.Equal(longest, Assert.Single(BodyScan.Facts("{\"preset\":\"" + longest + "\"}").Presets));
        Assert.Contains(
            "a preset of more than 512 bytes", BodyScan.Whole(Encoding.UTF8.GetBytes("{\"preset\":\"" + longest + "m\"}")), StringComparison.Ordinal);

        // A text that names no model may be of any length.
        Assert.Empty(BodyScan.Facts("{\"models\":{\"x\":\"" + longest + "m\"}}").Models);
    }

    [Fact]
    public void Scanner_TakesEmptyReads()
    {
        using var scanner = new BodyScanner();
        Assert.True(scanner.Scan([]));
        Assert.True(scanner.Scan("{"u8));
        Assert.True(scanner.Scan([]));
        Assert.True(scanner.Scan("}"u8));
        Assert.True(scanner.TryComplete(new ReadOnlySequence<byte>("{}"u8.ToArray()), out _));
    }
}
