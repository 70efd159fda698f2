using System.IO.Compression;
using System.Text;
using Gateway.Metering;
using Gateway.Primitives;
using Xunit;

namespace Gateway.Tests.Gateway.Metering;

/// <summary>Promise: a response is complete when its last bytes are read, also an encoded one, and never before.</summary>
public sealed class MeteredReadersTests
{
    private const string Events = "data: {\"id\":\"g\",\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\ndata: {\"id\":\"g\",\"usage\":{\"cost\":0.5}}\n\n";
    private const string Done = "data: [DONE]\n\n";

    [Theory]
    [InlineData(ResponseEncoding.Gzip)]
    [InlineData(ResponseEncoding.Deflate)]
    [InlineData(ResponseEncoding.Brotli)]
    public void EncodedStream_IsCompleteWithItsLastEvent(object encoding)
    {
        using var reader = new EncodedUsageReader(isEventStream: true, (ResponseEncoding)encoding);
        Assert.Equal((false, false), (reader.HasData, reader.IsComplete));

        using var output = new MemoryStream();
        using (var encoder = Encoder((ResponseEncoding)encoding, output))
        {
            encoder.Write(Encoding.UTF8.GetBytes(Events));
            encoder.Flush();
            reader.Read(output.ToArray());
            Assert.Equal((true, false), (reader.HasData, reader.IsComplete));

            output.SetLength(0);
            encoder.Write(Encoding.UTF8.GetBytes(Done));
        }

        reader.Read(output.ToArray());

        Assert.Equal((true, true), (reader.HasData, reader.IsComplete));
        Assert.Equal(new PicoDollars(500_000_000_000), reader.Facts.Usage!.Cost);
    }

    [Fact]
    public void NothingAtAll_IsReadAsNothing()
    {
        using var reader = new EncodedUsageReader(isEventStream: false, ResponseEncoding.Gzip);

        reader.Read([]);
        reader.End();

        Assert.Equal((false, false, null), (reader.HasData, reader.IsComplete, reader.Facts.Id));
    }

    [Theory]
    [InlineData(ResponseEncoding.Unknown, null)]
    [InlineData(ResponseEncoding.Deflate, "g")]
    public void UnknownEncoding_IsNotGuessed(object encoding, string? id)
    {
        using var reader = new EncodedUsageReader(isEventStream: false, (ResponseEncoding)encoding);

        reader.Read(Encode(ResponseEncoding.Deflate, "{\"id\":\"g\"}"));
        reader.End();

        Assert.Equal(id, reader.Facts.Id);
    }

    [Fact]
    public void BytesAfterTheEnd_ChangeNothing()
    {
        var bytes = Encode(ResponseEncoding.Gzip, "{\"id\":\"g\",\"usage\":{\"cost\":0.5}}");
        using var reader = new EncodedUsageReader(isEventStream: false, ResponseEncoding.Gzip);

        reader.End();
        reader.Read(bytes);

        Assert.Equal((null, null), (reader.Facts.Id, reader.Facts.Usage));
    }

    // Each is two bytes of a byte order mark and then the text.
    [Theory]
    [InlineData(false, "{\"id\":\"g\"}", null)]
    [InlineData(true, "data: {\"id\":\"g\"}\n\n", null)]
    [InlineData(true, "data: {\"id\":\"g\"}\n\ndata: {\"id\":\"h\"}\n\n", "h")]
    public void PartOfAByteOrderMark_SpoilsWhatItStandsBefore(bool isEventStream, string text, string? id)
    {
        byte[] bytes = [0xEF, 0xBB, .. Encoding.UTF8.GetBytes(text)];
        foreach (var size in (int[])[1, 2, 3, bytes.Length])
        {
            using var reader = new UsageReader(isEventStream);
            foreach (var piece in bytes.Chunk(size))
            {
                reader.Read(piece);
            }

            reader.End();

            Assert.Equal(id, reader.Facts.Id);
        }
    }

    private static byte[] Encode(ResponseEncoding encoding, string text)
    {
        using var output = new MemoryStream();
        using (var encoder = Encoder(encoding, output))
        {
            encoder.Write(Encoding.UTF8.GetBytes(text));
        }

        return output.ToArray();
    }

    private static Stream Encoder(ResponseEncoding encoding, Stream output) => encoding switch
    {
        ResponseEncoding.Gzip => new GZipStream(output, CompressionMode.Compress, leaveOpen: true),
        ResponseEncoding.Brotli => new BrotliStream(output, CompressionMode.Compress, leaveOpen: true),
        _ => new ZLibStream(output, CompressionMode.Compress, leaveOpen: true),
    };
}
