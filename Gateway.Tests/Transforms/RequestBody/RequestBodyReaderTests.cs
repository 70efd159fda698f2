using System.IO.Compression;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Time.Testing;
using OpenRouterGateway.Transforms.RequestBody;
using Xunit;

namespace Gateway.Tests.Transforms.RequestBody;

/// <summary>Promise: a connection that fails during an encoded upload is not taken for a body that cannot be decoded.</summary>
public sealed class RequestBodyReaderTests
{
    [Theory]
    [InlineData("gzip")]
    [InlineData("deflate")]
    [InlineData("br")]
    [InlineData("identity")]
    public async Task FailureOfTheConnection_IsNoFaultOfTheBody(string encoding)
    {
        using var memory = new RequestBodyMemory(() => 1024 * 1024, () => 256, new FakeTimeProvider());
        var buffer = new BodyBuffer(memory);
        await using var failing = new FailingStream(Encode("{\"model\":\"m\""u8.ToArray(), encoding));
        var context = new DefaultHttpContext();
        context.Request.Body = failing;
        context.Request.Headers.ContentEncoding = encoding;

        var failure = await Assert.ThrowsAsync<IOException>(
            async () => await RequestBodyReader.ReadAsync(context.Request, buffer, memory, 1000, static _ => "one"));

        Assert.Equal("reset", failure.Message);
        buffer.Release();
    }

    private static byte[] Encode(byte[] plain, string encoding)
    {
        var packed = new MemoryStream();
        using (Stream encoder = encoding switch
        {
            "gzip" => new GZipStream(packed, CompressionLevel.Fastest),
            "deflate" => new ZLibStream(packed, CompressionLevel.Fastest),
            "br" => new BrotliStream(packed, CompressionLevel.Fastest),
            _ => packed,
        })
        {
            encoder.Write(plain);
        }

        // Without its end, so that the decoder asks for more.
        return packed.ToArray()[..^2];
    }

    /// <summary>Fails after its bytes, as the body of a reset connection does.</summary>
    private sealed class FailingStream(byte[] bytes) : MemoryStream(bytes)
    {
        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
            await base.ReadAsync(buffer, cancellationToken) is > 0 and var count ? count : throw new IOException("reset");
    }
}
