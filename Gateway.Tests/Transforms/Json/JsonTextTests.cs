using System.Text;
using OpenRouterGateway.Transforms.Json;
using Xunit;

namespace Gateway.Tests.Transforms.Json;

public class JsonTextTests
{
    [Theory]
    [InlineData(null, "\"\"")]
    [InlineData("gpt-4", "\"gpt-4\"")]
    [InlineData("a\nb\u001b[31m", "\"a\ufffdb\ufffd[31m\"")]
    public void Quoted_StaysOnOneLine(string? given, string expected) => Assert.Equal(expected, JsonText.Quoted(given));

    [Theory]
    [InlineData(60, false)]
    [InlineData(61, true)]
    [InlineData(1000, true)]
    public void LongTexts_AreShortened(int length, bool isShortened)
    {
        var text = new string('x', length);
        var expected = isShortened ? text[..60] + "…" : text;

        Assert.Equal($"\"{expected}\"", JsonText.Quoted(text));
        Assert.Equal(expected, JsonText.Shortened(Encoding.UTF8.GetBytes(text)));
    }

    // Metadata cannot hold lone surrogates.
    [Theory]
    [InlineData(true)]
    [InlineData(true, 'a', '\u00fc', '\ud83d', '\ude00')]
    [InlineData(false, '\ud83d')]
    [InlineData(false, 'a', '\ude00', 'b')]
    [InlineData(false, '\ude00', '\ud83d')]
    public void LoneSurrogates_AreNotWellFormed(bool expected, params char[] text) => Assert.Equal(expected, JsonText.IsWellFormed(text));

    [Theory]
    [InlineData(new string[0], "[]")]
    [InlineData(new[] { "a" }, "[\"a\"]")]
    [InlineData(new[] { "a", "b\"c", "ü\n" }, "[\"a\",\"b\\\"c\",\"ü\\n\"]")]
    public void Texts_AreWrittenAsAnArray(string[] texts, string expected) =>
        Assert.Equal(expected, Encoding.UTF8.GetString(JsonText.QuoteAll(texts)));

    [Theory]
    [InlineData("{}", "{}")]
    [InlineData(" [ 1 , 2.50 , ] ", "[1,2.50]")]
    [InlineData("{ \"a\\u0062\" : { \"c\" : [ ] } , /* x */ \"d\" : 1e-7 }", "{\"a\\u0062\":{\"c\":[]},\"d\":1e-7}")]
    [InlineData("[{\"a\":null},[true,false],\"b, c\"]", "[{\"a\":null},[true,false],\"b, c\"]")]
    public void Compact_KeepsEverySpelling(string json, string expected) =>
        Assert.Equal(expected, Encoding.UTF8.GetString(JsonText.Compact(Encoding.UTF8.GetBytes(json))));
}
