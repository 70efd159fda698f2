using System.Text;
using System.Text.Json;
using Gateway.Tests.Support;
using OpenRouterGateway.Transforms.Json;
using Xunit;

namespace Gateway.Tests.Transforms.Json;

public class JsonReaderTextTests
{
    [Theory]
    [InlineData("model", true)]
    [InlineData("models", false)]
    [InlineData("mode", false)]
    [InlineData("MODEL", false)]
    [InlineData(@"\u006dodel", true)]
    [InlineData(@"\u006d\u006f\u0064\u0065\u006c", true)]
    [InlineData(@"\u006d\u006f\u0064\u0065\u006c\u0073", false)]
    [InlineData(@"\u006dodelmodelmodelmodelmodelmodel", false)]
    [InlineData(@"\u006dode\ud800", false)]
    public void Text_IsComparedDecoded_InOnePieceAndInMany(string raw, bool expected)
    {
        Assert.Equal(expected, JsonReaderText.Is(First(raw), "model"));
        Assert.Equal(expected, JsonReaderText.Is(FirstOfPieces(raw), "model"));
    }

    [Theory]
    [InlineData("", "")]
    [InlineData("model", "model")]
    [InlineData(@"m\u006fdel\n", "model\n")]
    [InlineData("\u00fc\\u00fc", "\u00fc\u00fc")]
    public void Text_IsDecoded_InOnePieceAndInMany(string raw, string expected)
    {
        Check(First(raw));
        Check(FirstOfPieces(raw));

        void Check(Utf8JsonReader reader)
        {
            Assert.Equal(Encoding.UTF8.GetByteCount(raw), JsonReaderText.Length(reader));
            Assert.Equal(expected, JsonReaderText.Read(reader));
            Span<char> destination = new char[JsonReaderText.Length(reader)];
            Assert.Equal(expected, destination[..JsonReaderText.Read(reader, destination)].ToString());
        }
    }

    [Fact]
    public void LoneSurrogate_IsRead() => Assert.Equal("a\ud800b", JsonReaderText.Read(First(@"a\ud800b")));

    private static Utf8JsonReader First(string raw)
    {
        var reader = new Utf8JsonReader(Encoding.UTF8.GetBytes($"\"{raw}\""));
        reader.Read();
        return reader;
    }

    private static Utf8JsonReader FirstOfPieces(string raw)
    {
        var reader = new Utf8JsonReader(SegmentedSequence.Create(Encoding.UTF8.GetBytes($"\"{raw}\""), 2));
        reader.Read();
        return reader;
    }
}
