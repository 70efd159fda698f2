using System.IO.Compression;
using System.Text;
using Gateway.Catalogue;
using Xunit;

namespace Gateway.Tests.Gateway.Catalogue;

/// <summary>Promise: a list of models takes a bounded memory, with any answer of upstream.</summary>
public sealed class CatalogueBodyTests
{
    private readonly CatalogueMemory _memory = new();

    [Theory]
    [InlineData("identity")]
    [InlineData("gzip")]
    [InlineData("br")]
    [InlineData("deflate")]
    public async Task Encodings_AreDecoded(string encoding)
    {
        var text = Encoding.UTF8.GetBytes(string.Join(',', Enumerable.Range(0, 200_000)));

        using var body = await ReadAsync(Encode("\uFEFF"u8.ToArray().Concat(text), encoding), encoding);

        Assert.True(body.Bytes.Span.SequenceEqual(text));
        Assert.InRange(_memory.Held, text.Length, 4 * text.Length);
        body.Dispose();
        Assert.Equal(0, _memory.Held);
    }

    [Theory]
    [InlineData("identity")]
    [InlineData("gzip")]
    [InlineData("br")]
    public async Task LargeList_IsRefused(string encoding)
    {
        var bomb = Encode(new byte[CatalogueBody.MaxSize + 1], encoding);

        await Assert.ThrowsAsync<InvalidDataException>(() => ReadAsync(bomb, encoding));
        Assert.Equal(0, _memory.Held);
    }

    [Theory]
    [InlineData("zstd")]
    [InlineData("gzip, br")]
    [InlineData("gzip")]
    public async Task OtherEncoding_IsRefused(string encoding)
    {
        await Assert.ThrowsAsync<InvalidDataException>(() => ReadAsync("{\"data\":[]}"u8.ToArray(), encoding));
        Assert.Equal(0, _memory.Held);
    }

    [Fact]
    public async Task TeamThatHoldsItsQuarter_GetsNoMoreAndOthersDo()
    {
        var held = new List<CatalogueBody>();
        await Assert.ThrowsAsync<CatalogueMemoryException>(async () =>
        {
            for (var i = 0; i <= CatalogueMemory.MaxBytes / CatalogueBody.MaxSize; i++)
            {
                held.Add(await ReadAsync(new byte[CatalogueBody.MaxSize / 2], "identity"));
            }
        });

        Assert.NotEmpty(held);
        Assert.InRange(_memory.Held, 1, CatalogueMemory.MaxBytes / 4);
        (await ReadAsync(new byte[CatalogueBody.MaxSize], "identity", "other")).Dispose();
        held.ForEach(body => body.Dispose());
        Assert.Equal(0, _memory.Held);
        (await ReadAsync(new byte[CatalogueBody.MaxSize], "identity")).Dispose();
    }

    private Task<CatalogueBody> ReadAsync(byte[] bytes, string encoding, string team = "search") => CatalogueBody.ReadAsync(
        new MemoryStream(bytes), encoding.Split(", "), _memory, team, TestContext.Current.CancellationToken);

    private static byte[] Encode(IEnumerable<byte> bytes, string encoding)
    {
        var output = new MemoryStream();
        using (Stream encoder = encoding switch
        {
            "gzip" => new GZipStream(output, CompressionLevel.Fastest),
            "br" => new BrotliStream(output, CompressionLevel.Fastest),
            "deflate" => new ZLibStream(output, CompressionLevel.Fastest),
            _ => output,
        })
        {
            encoder.Write(bytes.ToArray());
        }

        return output.ToArray();
    }
}
