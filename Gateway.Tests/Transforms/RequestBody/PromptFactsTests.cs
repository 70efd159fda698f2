using System.Text;
using Gateway.Tests.Support;
using OpenRouterGateway.Transforms.RequestBody;
using Xunit;

namespace Gateway.Tests.Transforms.RequestBody;

/// <summary>The facts of a body about its prompt: text, media, cache writes. Every result is the same however the body arrives.</summary>
public sealed class PromptFactsTests
{
    // Stands for DATA.
    private static readonly string Data = new('A', 4000);

    [Theory]

    // Chat completions.
    [InlineData("""{"messages":[{"content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,DATA","detail":"low"}}]}]}""")]
    [InlineData("""{"messages":[{"content":[{"image_url":{"detail":"low","url":"data:image/png;base64,DATA"},"type":"image_url"}]}]}""")]
    [InlineData("""{"messages":[{"content":[{"type":"image_url","image_url":"data:image/png;base64,DATA"}]}]}""")]
    [InlineData("""{"messages":[{"content":[{"type":"input_audio","input_audio":{"data":"DATA","format":"wav"}}]}]}""")]
    [InlineData("""{"messages":[{"content":[{"type":"file","file":{"filename":"a.pdf","file_data":"data:application/pdf;base64,DATA"}}]}]}""")]
    [InlineData("""{"messages":[{"content":[{"type":"video_url","video_url":{"url":"data:video/mp4;base64,DATA"}}]}]}""")]
    [InlineData("""{"messages":[{"images":[{"type":"image_url","image_url":{"url":"data:image/png;base64,DATA"}}]}]}""")]

    // Responses.
    [InlineData("""{"input":[{"content":[{"type":"input_image","image_url":"data:image/png;base64,DATA"}]}]}""")]
    [InlineData("""{"input":[{"content":[{"type":"input_file","filename":"a.pdf","file_data":"data:application/pdf;base64,DATA"}]}]}""")]
    [InlineData("""{"input":[{"type":"function_call_output","output":[{"type":"input_image","image_url":"data:image/png;base64,DATA"}]}]}""")]
    [InlineData("""{"input":[{"output":{"type":"computer_screenshot","image_url":"data:image/png;base64,DATA"}}]}""")]

    // Messages.
    [InlineData("""{"messages":[{"content":[{"type":"image","source":{"type":"base64","media_type":"image/png","data":"DATA"}}]}]}""")]
    [InlineData("""{"messages":[{"content":[{"type":"document","source":{"data":"DATA","media_type":"application/pdf","type":"base64"}}]}]}""")]
    [InlineData("""{"messages":[{"content":[{"type":"tool_result","content":[{"type":"image","source":{"type":"base64","media_type":"image/png","data":"DATA"}}]}]}]}""")]

    // Spellings.
    [InlineData("""{ "m\u0065ssages" : [ { "cont\u0065nt" : [ { "typ\u0065" : "im\u0061ge_url" , "im\u0061ge_url" : { "\u0075rl" : "d\u0061ta:image\/png;base64,DATA" } } ] } ] }""")]
    [InlineData("""{"messages":[{"content":[{"type":"image_url","image_url":{"url":"Data:IMAGE/PNG; charset=x;BASE64,DATA\/\/\u002b"}}]}]}""")]
    public void DataOfAMediaPart_IsNoText(string body) => Check(body, isText: false, mediaParts: 1);

    [Theory]

    // No part says that it is media.
    [InlineData("""{"messages":[{"content":"DATA"}]}""", 0)]
    [InlineData("""{"messages":[{"content":"data:image/png;base64,DATA"}]}""", 0)]
    [InlineData("""{"messages":[{"content":[{"type":"text","text":"DATA"}]}]}""", 0)]
    [InlineData("""{"messages":[{"content":[{"image_url":{"url":"data:image/png;base64,DATA"}}]}]}""", 0)]
    [InlineData("""{"input":"DATA"}""", 0)]
    [InlineData("""{"prompt":["DATA"]}""", 0)]
    [InlineData("""{"input":[{"type":"reasoning","encrypted_content":"DATA"}]}""", 0)]
    [InlineData("""{"input":[{"type":"image_generation_call","result":"DATA"}]}""", 0)]

    // The data is not in the member of the type.
    [InlineData("""{"messages":[{"content":[{"type":"image_url","text":"DATA"}]}]}""", 1)]
    [InlineData("""{"messages":[{"content":[{"type":"image_url","image_url":{"detail":"data:image/png;base64,DATA"}}]}]}""", 1)]
    [InlineData("""{"messages":[{"content":[{"type":"image_url","input_audio":{"data":"DATA"}}]}]}""", 1)]
    [InlineData("""{"messages":[{"content":[{"type":"document","context":"DATA","source":{"type":"url","url":"x"}}]}]}""", 1)]

    // The media type is text, or unknown.
    [InlineData("""{"messages":[{"content":[{"type":"file","file":{"file_data":"data:text/plain;base64,DATA"}}]}]}""", 1)]
    [InlineData("""{"messages":[{"content":[{"type":"file","file":{"file_data":"data:application/json;base64,DATA"}}]}]}""", 1)]
    [InlineData("""{"messages":[{"content":[{"type":"file","file":{"file_data":"data:;base64,DATA"}}]}]}""", 1)]
    [InlineData("""{"messages":[{"content":[{"type":"file","file":{"file_data":"DATA"}}]}]}""", 1)]
    [InlineData("""{"messages":[{"content":[{"type":"image_url","image_url":{"url":"data:image/svg+xml;base64,DATA"}}]}]}""", 1)]
    [InlineData("""{"messages":[{"content":[{"type":"image_url","image_url":{"url":"data:image/png,DATA"}}]}]}""", 1)]
    [InlineData("""{"messages":[{"content":[{"type":"image_url","image_url":{"url":"https://example.com/?q=DATA"}}]}]}""", 1)]
    [InlineData("""{"messages":[{"content":[{"type":"document","source":{"type":"text","media_type":"text/plain","data":"DATA"}}]}]}""", 1)]
    [InlineData("""{"messages":[{"content":[{"type":"document","source":{"type":"base64","media_type":"text/plain","data":"DATA"}}]}]}""", 1)]
    [InlineData("""{"messages":[{"content":[{"type":"document","source":{"type":"base64","data":"DATA"}}]}]}""", 1)]
    [InlineData("""{"messages":[{"content":[{"type":"document","source":{"media_type":"application/pdf","data":"DATA"}}]}]}""", 1)]

    // It is not base64.
    [InlineData("""{"messages":[{"content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,DATA and more"}}]}]}""", 1)]
    [InlineData("""{"messages":[{"content":[{"type":"input_audio","input_audio":{"data":"DATA é"}}]}]}""", 1)]

    // Of duplicates another one may count.
    [InlineData("""{"messages":[{"content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,DATA"},"type":"text"}]}]}""", 1)]
    [InlineData("""{"messages":[{"content":[{"type":"image","source":{"type":"base64","media_type":"image/png","media_type":"text/plain","data":"DATA"}}]}]}""", 1)]
    [InlineData("""{"messages":[{"content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,DATA"},"image_url":{"url":"x"}}]}]}""", 1)]

    // Upstream gives objects in these places to the model as text.
    [InlineData("""{"tools":[{"input_schema":{"examples":[{"type":"image_url","image_url":{"url":"data:image/png;base64,DATA"}}]}}]}""", 1)]
    [InlineData("""{"messages":[{"content":[{"type":"tool_use","input":{"type":"image_url","image_url":{"url":"data:image/png;base64,DATA"}}}]}]}""", 1)]
    [InlineData("""{"messages":[{"content":[{"type":"tool_use","input":{"content":[{"type":"image","source":{"type":"base64","media_type":"image/png","data":"DATA"}}]}}]}]}""", 1)]
    [InlineData("""{"metadata":{"messages":[{"content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,DATA"}}]}]}}""", 1)]
    [InlineData("""{"messages":[{"content":[{"type":"document","source":{"type":"content","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,DATA"}}]}}]}]}""", 2)]

    // The part's other members are longer than a part's are.
    [InlineData("""{"messages":[{"content":[{"type":"image_url","x":"LONG","image_url":{"url":"data:image/png;base64,DATA"}}]}]}""", 1)]
    [InlineData("""{"messages":[{"content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,DATA"},"x":"LONG"}]}]}""", 1)]
    public void OtherDataOrDoubtfulData_IsText(string body, int mediaParts) => Check(body, isText: true, mediaParts);

    [Theory]
    [InlineData("""{"messages":[{"content":[{"type":"image_url","image_url":{"url":"https://example.com/a.png"}}]}]}""", 1)]
    [InlineData("""{"a":{"typ\u0065":"\u0069\u006e\u0070\u0075\u0074\u005f\u0069\u006d\u0061\u0067\u0065"},"b":[{"type":"file"},{"type":"image"},{"type":"document"}]}""", 4)]
    [InlineData("""{"frame_images":[{"type":"image_url"},{"type":"input_audio"},{"type":"input_file"},{"type":"video_url"},{"type":"computer_screenshot"}]}""", 5)]
    [InlineData("""{"tools":[{"parameters":{"required":["file","image"],"type":"object","enum":["document"]}}],"file":"image","x":["type","image"]}""", 0)]
    [InlineData("""{"type":["image"],"x":{"type":{"y":"image"}},"Type":"image","type":"images"}""", 0)]
    public void MediaParts_AreCountedByTheirTypeWhereverTheyAre(string body, int count) => Check(body, isText: true, count);

    [Theory]
    [InlineData("""{"messages":[{"content":[{"type":"file"},{"typ\u0065":"d\u006fcument"},{"type":"input_file"}]}]}""", 3)]
    [InlineData("""{"input":[{"type":"input_file"},{"content":[{"type":"input_file"}]},{"output":[{"type":"input_file"}]}]}""", 3)]
    [InlineData("""{"messages":[{"content":[{"type":"tool_result","content":[{"type":"document"}]}]}]}""", 1)]
    [InlineData("""{"messages":[{"content":[{"type":"tool_use","input":{"type":"file","path":"a.txt"}}]}]}""", 0)]
    [InlineData("""{"tools":[{"function":{"parameters":{"properties":{"upload":{"type":"file"}}}}}]}""", 0)]
    [InlineData("""{"messages":[{"content":[{"type":"image"},{"type":"input_audio"},{"type":"computer_screenshot"},{"type":"video_url"}]}],"type":"files"}""", 0)]

    // A source of text has no pages.
    [InlineData("""{"messages":[{"content":[{"type":"document","source":{"type":"text","media_type":"text/plain","data":"x"}}]}]}""", 0)]
    [InlineData("""{"messages":[{"content":[{"source":{"type":"content","content":[{"type":"text","text":"x"}]},"type":"document"}]}]}""", 0)]
    [InlineData("""{"messages":[{"content":[{"type":"document","source":{"type":"text"}},{"type":"document","source":{"type":"base64"}},{"type":"document","source":{"type":"url"}}]}]}""", 2)]
    [InlineData("""{"messages":[{"content":[{"type":"document","source":{"type":"text"},"source":{"type":"text"}},{"type":"document"}]}]}""", 2)]
    [InlineData("""{"messages":[{"content":[{"type":"document","source":{"type":"text","type":"base64"}}]}]}""", 1)]
    [InlineData("""{"messages":[{"content":[{"source":{"type":"text"},"source":{"type":"url"},"type":"document"}]}]}""", 1)]
    [InlineData("""{"messages":[{"content":[{"type":"document","source":{"type":"text"},"type":"document"}]}]}""", 1)]
    [InlineData("""{"messages":[{"content":[{"type":"file","source":{"type":"text"},"file":{"file_data":"x"}}]}]}""", 1)]
    [InlineData("""{"messages":[{"content":[{"type":"document","source":{"x":{"type":"text"}}}]}]}""", 1)]
    [InlineData("""{"messages":[{"content":[{"type":"document"},{"source":{"type":"text"}}]}]}""", 1)]
    public void Documents_AreTheFilesAmongTheMediaParts(string body, int count)
    {
        foreach (var facts in EveryWay(Encoding.UTF8.GetBytes(body)))
        {
            Assert.Equal(count, facts.Prompt.Documents);
        }
    }

    [Theory]
    [InlineData("""{"messages":[]}""", false, false)]
    [InlineData("""{"ttl":"1h","cache_contro":1}""", false, true)]
    [InlineData("""{"messages":[{"content":[{"type":"text","cache_control":{"type":"ephemeral"}}]}]}""", true, false)]
    [InlineData("""{"cache\u005fcontrol":{"ttl":"5m"}}""", true, false)]
    [InlineData("""{"cache_control":{"t\u0074l":"\u0031h"}}""", true, true)]
    [InlineData("""{"tools":[{"cache_control":{"type":"ephemeral","ttl":"1h"}}]}""", true, true)]
    [InlineData("""{"content":"cache_control","x":["cache_control","ttl","1h"]}""", false, false)]
    public void CacheWrites_AreFoundAtEveryDepth(string body, bool writes, bool isLong)
    {
        foreach (var facts in EveryWay(Encoding.UTF8.GetBytes(body)))
        {
            Assert.Equal((writes, isLong), (facts.Prompt.WritesCache, facts.Prompt.WritesLongCache));
        }
    }

    [Fact]
    public void DataAcrossSegmentsAndPieces_IsFound()
    {
        const string Open = "\"messages\":[{\"content\":[{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:image/png;base64,";
        for (var padding = (32 * 1024) - 120; padding < (32 * 1024) + 10; padding++)
        {
            var body = Encoding.UTF8.GetBytes("{\"p\":\"" + new string(' ', padding) + "\"," + Open + Data + "\"}}]}]}");
            var sequence = SegmentedSequence.Create(body, 1000);

            var facts = BodyScan.Facts(body);

            Assert.Equal(1, facts.Prompt.MediaParts);
            Assert.Equal(
                body.Length - Data.Length - "\"data:image/png;base64,\"".Length + PromptCollector.LongStringLength, facts.CountText(sequence));
        }
    }

    [Fact]
    public void MorePartsWithDataThanAnyHonestRequestHas_AreText()
    {
        var part = $$$"""{"type":"image_url","image_url":{"url":"data:image/png;base64,{{{Data}}}"}}""";
        var body = Encoding.UTF8.GetBytes($$"""{"messages":[{"content":[{{string.Join(',', Enumerable.Repeat(part, 1100))}}]}]}""");

        var text = BodyScan.Facts(body).CountText(new(body));

        Assert.InRange(text, 76 * Data.Length, 200 * Data.Length);
    }

    [Fact]
    public void PartsBelowTheDepthThatIsSearched_AreText()
    {
        var part = $$$"""{"type":"image_url","image_url":{"url":"data:image/png;base64,{{{Data}}}"}}""";
        foreach (var (levels, isText) in ((int, bool)[])[(1, false), (5, false), (6, true), (100, true)])
        {
            var open = string.Concat(Enumerable.Repeat("{\"content\":[", levels));
            var close = string.Concat(Enumerable.Repeat("]}", levels));
            var body = Encoding.UTF8.GetBytes("{\"messages\":[" + open + part + close + "]}");

            Assert.Equal(isText, BodyScan.Facts(body).CountText(new(body)) == body.Length);
        }
    }

    private static void Check(string body, bool isText, int mediaParts)
    {
        var text = body.Replace("DATA", Data, StringComparison.Ordinal).Replace("LONG", new string('x', 2100), StringComparison.Ordinal);
        var bytes = Encoding.UTF8.GetBytes(text);
        var data = isText ? 0 : LongestString(text) - PromptCollector.LongStringLength;
        foreach (var facts in EveryWay(bytes))
        {
            Assert.Equal(mediaParts, facts.Prompt.MediaParts);
            Assert.Equal(bytes.Length - data, facts.CountText(new(bytes)));
            Assert.Equal(bytes.Length - data, facts.CountText(SegmentedSequence.Create(bytes, 7)));
        }
    }

    // With its quotes. No string of these bodies has a quote.
    private static int LongestString(string text) => text.Split('"').Max(part => part.Length) + 2;

    /// <summary>The facts of a body as a whole, byte by byte, and cut at every fiftieth byte and in all short stretches.</summary>
    private static IEnumerable<BodyFacts> EveryWay(byte[] body)
    {
        yield return BodyScan.Facts(body);
        yield return InPieces([.. body.Chunk(1)]);
        yield return InPieces([.. body.Chunk(3)]);
        for (var cut = 1; cut < body.Length; cut += cut < 300 || cut > body.Length - 300 ? 1 : 50)
        {
            yield return InPieces([body[..cut], body[cut..]]);
        }
    }

    private static BodyFacts InPieces(byte[][] pieces)
    {
        using var scanner = new BodyScanner();
        foreach (var piece in pieces)
        {
            // A copy that is overwritten afterwards: the scanner must not look back at bytes it was shown earlier.
            var lent = (byte[])piece.Clone();
            scanner.Scan(lent);
            Array.Fill(lent, (byte)'"');
        }

        Assert.True(scanner.TryComplete(SegmentedSequence.Create(pieces), out var facts), scanner.Fault?.ToString());
        return facts!;
    }
}
