using System.Net;
using System.Net.Http.Headers;
using System.Text;
using Gateway.Upstream;
using Xunit;

namespace Gateway.Tests.Gateway.Upstream;

/// <summary>A body that is in memory leaves together with its headers; what still arrives is sent as YARP sends it.</summary>
public sealed class BufferedBodyHandlerTests : IDisposable
{
    private readonly Recorder _wire = new();

    public void Dispose() => _wire.Dispose();

    [Fact]
    public async Task HeldBody_IsNotFlushedBeforeItsFirstByte()
    {
        await SendAsync(isHeld: true);

        Assert.Equal(["write body", "flush"], _wire.Calls);
    }

    [Fact]
    public async Task StreamedBody_IsFlushedAsBefore()
    {
        await SendAsync(isHeld: false);

        Assert.Equal(["flush", "write body", "flush"], _wire.Calls);
    }

    [Fact]
    public async Task HeldBody_KeepsItsHeadersToTheLetter()
    {
        var headers = await SendAsync(isHeld: true);

        Assert.Equal("application/json; charset=UTF-8;odd", headers.NonValidated["Content-Type"].ToString());
        Assert.Equal(4, headers.ContentLength);
        Assert.Equal(2, headers.NonValidated.Count);
    }

    private async Task<HttpContentHeaders> SendAsync(bool isHeld)
    {
        var content = new FlushingContent();
        content.Headers.TryAddWithoutValidation("Content-Type", "application/json; charset=UTF-8;odd");
        content.Headers.ContentLength = 4;
        using var request = new HttpRequestMessage(HttpMethod.Post, "http://upstream.example/") { Content = content };
        if (isHeld)
        {
            request.Options.Set(BufferedBodyHandler.IsBuffered, true);
        }

        using var invoker = new HttpMessageInvoker(new BufferedBodyHandler(_wire));
        using var response = await invoker.SendAsync(request, TestContext.Current.CancellationToken);
        return request.Content.Headers;
    }

    /// <summary>Flushes before and after its bytes, as YARP's content does.</summary>
    private sealed class FlushingContent : HttpContent
    {
        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
        {
            await stream.FlushAsync();
            await stream.WriteAsync("body"u8.ToArray());
            await stream.FlushAsync();
        }

        protected override bool TryComputeLength(out long length)
        {
            length = 0;
            return false;
        }
    }

    /// <summary>The end of the line: writes down what reaches it.</summary>
    private sealed class Recorder : HttpMessageHandler
    {
        public List<string> Calls { get; } = [];

        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            await request.Content!.CopyToAsync(new RecordingStream(Calls), cancellationToken);
            return new HttpResponseMessage(HttpStatusCode.OK);
        }
    }

    private sealed class RecordingStream(List<string> calls) : MemoryStream
    {
        public override Task FlushAsync(CancellationToken cancellationToken)
        {
            calls.Add("flush");
            return Task.CompletedTask;
        }

        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            calls.Add("write " + Encoding.ASCII.GetString(buffer.Span));
            return default;
        }
    }
}
