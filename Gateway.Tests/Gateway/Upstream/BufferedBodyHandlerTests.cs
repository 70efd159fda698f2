using System.Net;
using System.Net.Http.Headers;
using System.Text;
using Gateway.Errors;
using Gateway.Requests;
using Gateway.Tests.Support;
using Gateway.Upstream;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Gateway.Tests.Gateway.Upstream;

/// <summary>
/// A body that is in memory leaves together with its headers, and a kept one as often as the HTTP client may send it. A body that still arrives
/// is sent once, as YARP sends it.
/// </summary>
public sealed class BufferedBodyHandlerTests : IDisposable
{
    private readonly FakeTimeProvider _time = new();
    private readonly HeldBody _body = new("""{"a":1}""");
    private readonly Recorder _wire = new();

    public void Dispose()
    {
        _wire.Dispose();
        _body.Dispose();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task BodyInMemory_IsNotFlushedBeforeItsFirstByte(bool isKept)
    {
        _body.Feature.IsKept = isKept;

        await SendAsync(Attempts());

        Assert.Equal(isKept ? ["write {\"a\":1}"] : ["write body", "flush"], _wire.Calls);
    }

    [Fact]
    public async Task StreamedBody_IsFlushedAsBefore()
    {
        await SendAsync(Attempts(isStreamed: true));

        Assert.Equal(["flush", "write body", "flush"], _wire.Calls);
    }

    [Fact]
    public async Task BodyOfARequestWithoutAttempts_IsLeftAlone()
    {
        await SendAsync(null);
        await SendAsync(null);

        Assert.Equal(["flush", "write body", "flush", "flush", "write body", "flush"], _wire.Calls);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Body_KeepsItsHeadersToTheLetter(bool isKept)
    {
        _body.Feature.IsKept = isKept;

        var headers = await SendAsync(Attempts());

        Assert.Equal("application/json; charset=UTF-8;odd", headers.NonValidated["Content-Type"].ToString());
        Assert.Equal(7, headers.ContentLength);
        Assert.Equal(2, headers.NonValidated.Count);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task KeptBody_IsReadAgainUpToTheNumberOfAttempts(int max)
    {
        _body.Feature.IsKept = true;
        _wire.Readings = max + 1;
        var attempts = Attempts(max);

        await Assert.ThrowsAsync<RequestNotProcessedException>(() => SendAsync(attempts));

        Assert.Equal(Enumerable.Repeat("write {\"a\":1}", max), _wire.Calls);
        Assert.Equal(max, attempts.Count);
    }

    [Fact]
    public async Task FourthReadingOfOneSend_ProvesThatNothingWasProcessed()
    {
        _body.Feature.IsKept = true;
        _wire.Readings = 4;
        var attempts = Attempts(max: 10);

        await Assert.ThrowsAsync<RequestNotProcessedException>(() => SendAsync(attempts));
        Assert.Equal(3, attempts.Count);

        // The next attempt starts anew.
        attempts.Begin();
        _wire.Readings = 1;
        await SendAsync(attempts);
        Assert.Equal(4, attempts.Count);
    }

    [Fact]
    public async Task KeptBody_IsNotReadAgainAfterItsTime()
    {
        _body.Feature.IsKept = true;
        _wire.Readings = 2;
        _wire.BetweenReadings = () => _time.Advance(RequestAttempts.Period);

        await Assert.ThrowsAsync<RequestNotProcessedException>(() => SendAsync(Attempts()));
    }

    [Fact]
    public async Task KeptBody_IsNotReadAgainForAClientThatLeft()
    {
        _body.Feature.IsKept = true;
        using var client = new CancellationTokenSource();
        _wire.Readings = 2;
        _wire.BetweenReadings = client.Cancel;

        await Assert.ThrowsAsync<RequestNotProcessedException>(() => SendAsync(Attempts(client: client)));
        Assert.Single(_wire.Calls);
    }

    [Fact]
    public async Task KeptBodyThatWasReleased_IsNotReadAgain()
    {
        _body.Feature.IsKept = true;
        _wire.Readings = 2;
        _wire.BetweenReadings = _body.Feature.ReleaseKept;

        await Assert.ThrowsAsync<RequestNotProcessedException>(() => SendAsync(Attempts()));
        Assert.Single(_wire.Calls);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task OtherBody_IsReadOnce(bool isStreamed)
    {
        _wire.Readings = 2;
        var attempts = Attempts(isStreamed: isStreamed);

        await Assert.ThrowsAsync<RequestNotProcessedException>(() => SendAsync(attempts));

        Assert.Equal(1, attempts.Count);
        Assert.Equal(!isStreamed, attempts.TryTakeBodyBack());
    }

    private RequestAttempts Attempts(int max = 3, bool isStreamed = false, CancellationTokenSource? client = null)
    {
        var attempts = new RequestAttempts(max, isStreamed ? null : _body.Feature, _time, client?.Token ?? CancellationToken.None);
        attempts.Begin();
        return attempts;
    }

    private async Task<HttpContentHeaders> SendAsync(RequestAttempts? attempts)
    {
        var content = new FlushingContent();
        content.Headers.TryAddWithoutValidation("Content-Type", "application/json; charset=UTF-8;odd");
        content.Headers.ContentLength = 7;
        using var request = new HttpRequestMessage(HttpMethod.Post, "http://upstream.example/") { Content = content };
        if (attempts is not null)
        {
            request.Options.Set(BufferedBodyHandler.Attempts, attempts);
        }

        using var invoker = new HttpMessageInvoker(new BufferedBodyHandler(_wire), disposeHandler: false);
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

    /// <summary>The last handler: it records the writes that reach it, for as many sendings as the server asks for.</summary>
    private sealed class Recorder : HttpMessageHandler
    {
        public List<string> Calls { get; } = [];

        public int Readings { get; set; } = 1;

        public Action BetweenReadings { get; set; } = static () => { };

        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            for (var i = 0; i < Readings; i++)
            {
                if (i > 0)
                {
                    BetweenReadings();
                }

                await request.Content!.CopyToAsync(new RecordingStream(Calls), cancellationToken);
            }

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
