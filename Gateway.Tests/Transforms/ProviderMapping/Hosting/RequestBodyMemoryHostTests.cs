using System.Collections.Concurrent;
using System.Globalization;
using System.IO.Compression;
using System.Text;
using Gateway.Tests.Support;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Time.Testing;
using OpenRouterGateway.Transforms.ProviderMapping;
using Xunit;

namespace Gateway.Tests.Transforms.ProviderMapping.Hosting;

/// <summary>
/// Promise: with any number of bodies at once, bodies hold no more memory than they may, and each is served in its turn. Over real sockets; a body
/// that lacks its last byte holds its place for as long as the test wants.
/// </summary>
public sealed class RequestBodyMemoryHostTests : IAsyncLifetime
{
    private const int Megabyte = 1024 * 1024;
    private const int FreeSize = 64 * 1024;
    private readonly ConcurrentQueue<string> _read = new();
    private readonly FakeTimeProvider _time = new();
    private RecordingUpstream _upstream = null!;
    private MappingHost _host = null!;
    private long _heldBehind;
    private int _maxWaiting = 256;

    public async ValueTask InitializeAsync() => _upstream = await RecordingUpstream.StartAsync();

    public async ValueTask DisposeAsync()
    {
        await _host.DisposeAsync();
        await _upstream.DisposeAsync();
    }

    [Fact]
    public async Task ManyAtOnce_AreReadAFewAtATimeInTheOrderTheyCame()
    {
        await StartAsync(7 * Megabyte);
        var uploads = new List<Upload>();
        for (var i = 0; i < 10; i++)
        {
            uploads.Add(await BeginAsync($"m{i}", 2 * Megabyte));
            Assert.Equal(Math.Max(0, i - 1), _host.Memory.WaitingBodies);
        }

        Assert.InRange(_host.Memory.HeldBytes, 4 * Megabyte, 5 * Megabyte);

        // Small ones pass meanwhile, to the byte that still is small.
        await SmallAsync("small", 100);
        await SmallAsync("largest", FreeSize);
        Assert.Equal(8, _host.Memory.WaitingBodies);

        // The second keeps its place, so that the others go one by one, in any order of completion.
        foreach (var upload in uploads.Skip(2).Reverse().Prepend(uploads[0]))
        {
            upload.Finish();
        }

        foreach (var upload in uploads.Skip(2).Prepend(uploads[0]))
        {
            Assert.Equal(200, await upload.StatusAsync());
        }

        uploads[1].Finish();
        Assert.Equal(200, await uploads[1].StatusAsync());
        Assert.Equal(["small", "largest", "m0", "m2", "m3", "m4", "m5", "m6", "m7", "m8", "m9", "m1"], _read);
        await NothingIsHeldAsync();
        foreach (var upload in uploads)
        {
            await upload.DisposeAsync();
        }
    }

    [Fact]
    public async Task BodyLargerThanAll_IsServedAlone()
    {
        await StartAsync(Megabyte);
        await using var first = await BeginAsync("first", 200_000);
        await using var giant = await BeginAsync("giant", 3 * Megabyte);
        await WaitingAsync(1);
        await using var next = await BeginAsync("next", 200_000);
        await WaitingAsync(2);

        first.Finish();
        await WaitingAsync(1);
        Assert.InRange(_host.Memory.HeldBytes, 3 * Megabyte, 4 * Megabyte);
        giant.Finish();
        next.Finish();

        Assert.Equal(200, await giant.StatusAsync());
        Assert.Equal(200, await next.StatusAsync());
        Assert.Equal(["first", "giant", "next"], _read);
        await NothingIsHeldAsync();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ClientThatLeaves_GivesUpItsPlace(bool holds)
    {
        await StartAsync(Megabyte);
        await using var first = await BeginAsync("first", 800_000);

        // Of this one the head alone has come.
        await using var second = await RawConnection.OpenAsync(_host.Http1);
        await second.SendHeadAsync("Content-Length: 800000\r\n");
        await WaitingAsync(1);
        await using var third = await BeginAsync("third", 800_000);
        await WaitingAsync(2);

        if (holds)
        {
            first.Connection.Reset();
            await WaitingAsync(1);
            second.Reset();
        }
        else
        {
            second.Reset();
            await WaitingAsync(1);
            first.Finish();
            Assert.Equal(200, await first.StatusAsync());
        }

        third.Finish();
        Assert.Equal(200, await third.StatusAsync());
        await NothingIsHeldAsync();
    }

    [Fact]
    public async Task ClientThatAsksFirst_IsToldToContinueWhenItIsItsTurn()
    {
        await StartAsync(Megabyte);
        await using var first = await BeginAsync("first", 800_000);
        await using var asking = await RawConnection.OpenAsync(_host.Http1);
        var body = Body("asking", 800_000);
        await asking.SendHeadAsync($"Content-Length: {body.Length}\r\nExpect: 100-continue\r\n");
        var answer = asking.ReadAnswerAsync();
        await WaitingAsync(1);
        await SmallAsync("small", 100);
        Assert.False(answer.IsCompleted);

        first.Finish();
        Assert.Equal(100, (await answer).Status);
        await asking.SendAsync(body);
        Assert.Equal(200, (await asking.ReadAnswerAsync()).Status);
        await NothingIsHeldAsync();
    }

    [Fact]
    public async Task SlowUpload_LosesItsPlaceByTheServersRate_AndWaitingIsNoSlowUpload()
    {
        await StartAsync(Megabyte, kestrel: kestrel =>
            kestrel.Limits.MinRequestBodyDataRate = new MinDataRate(bytesPerSecond: 1000, gracePeriod: TimeSpan.FromSeconds(8)));

        // All but the last byte of the first has come: it is not slow. The time of the slow one begins when the first is over.
        await using var first = await BeginAsync("first", 800_000);
        await first.Sent;
        await using var slow = await RawConnection.OpenAsync(_host.Http1);
        await slow.SendHeadAsync("Content-Length: 800000\r\n");
        await slow.SendAsync("{\"model\":");
        await WaitingAsync(1);
        await using var waiting = await RawConnection.OpenAsync(_host.Http1);
        var body = Body("waiting", 800_000);
        await waiting.SendHeadAsync($"Content-Length: {body.Length}\r\n");
        await WaitingAsync(2);

        first.Finish();
        Assert.Equal(200, await first.StatusAsync());
        Assert.Equal(408, (await slow.ReadAnswerAsync()).Status);

        // It has waited for longer than the other was too slow, without a byte.
        await WaitingAsync(0);
        await waiting.SendAsync(body);
        Assert.Equal(200, (await waiting.ReadAnswerAsync()).Status);
        await NothingIsHeldAsync();
    }

    [Fact]
    public async Task UploadThatStalls_LosesItsPlaceWhenItIsWanted()
    {
        await StartAsync(Megabyte);
        await using var stalled = await BeginAsync("stalled", 800_000);
        await stalled.Sent;

        // No other body waits: it may take its time.
        _time.Advance(TimeSpan.FromMinutes(5));
        Assert.Equal(0, _host.Memory.WaitingBodies);

        await using var waiting = await BeginAsync("waiting", 800_000);
        await WaitingAsync(1);
        await _time.AdvanceUntilAsync(
            TimeSpan.FromSeconds(5), () => Task.FromResult(_host.Memory.WaitingBodies == 0), "the place to be free");
        Assert.Equal(408, await stalled.StatusAsync());
        waiting.Finish();
        Assert.Equal(200, await waiting.StatusAsync());
        await NothingIsHeldAsync();
    }

    [Fact]
    public async Task UploadOfAFewBytesThatDecodeToMany_LosesItsPlace()
    {
        await StartAsync(Megabyte, limit: 800_000);
        using var packed = new MemoryStream();
        await using (var gzip = new GZipStream(packed, CompressionMode.Compress, leaveOpen: true))
        {
            await gzip.WriteAsync(Body("bomb", 700_000), TestContext.Current.CancellationToken);
        }

        await using var bomb = await RawConnection.OpenAsync(_host.Http1);
        await bomb.SendHeadAsync($"Content-Length: {packed.Length}\r\nContent-Encoding: gzip\r\n");
        await bomb.SendAsync(packed.ToArray()[..^20]);
        await HeldAsync();
        await using var waiting = await BeginAsync("waiting", 700_000);
        await WaitingAsync(1);

        // In each window hundreds of kilobytes were decoded.
        await _time.AdvanceUntilAsync(
            TimeSpan.FromSeconds(5), () => Task.FromResult(_host.Memory.WaitingBodies == 0), "the place to be free");
        Assert.Equal(408, (await bomb.ReadAnswerAsync()).Status);
        waiting.Finish();
        Assert.Equal(200, await waiting.StatusAsync());
        await NothingIsHeldAsync();
    }

    [Fact]
    public async Task BodyThatMayNotWait_IsRefusedWithADelay()
    {
        _maxWaiting = 1;
        await StartAsync(Megabyte);
        await using var first = await BeginAsync("first", 800_000);
        await using var waiting = await BeginAsync("waiting", 800_000);

        await using var refused = await RawConnection.OpenAsync(_host.Http1);
        await refused.SendHeadAsync("Content-Length: 800000\r\n");
        var answer = await refused.ReadAnswerAsync();

        Assert.Equal((503, "5"), (answer.Status, answer.Headers["Retry-After"]));
        Assert.Contains("\"code\":\"server_busy\"", answer.Body, StringComparison.Ordinal);
        first.Finish();
        waiting.Finish();
        Assert.Equal(200, await waiting.StatusAsync());
        await NothingIsHeldAsync();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task SmallBodies_TakeAQuarterWithoutAReservation_AndTurnsBeyondIt(bool isChunked)
    {
        await StartAsync(Megabyte, limit: 400_000);
        var body = Body("small", FreeSize - 1);
        var headers = $"{(isChunked ? "Transfer-Encoding: chunked" : $"Content-Length: {body.Length}")}\r\nx-owner: ";
        var uploads = new List<RawConnection>();
        for (var i = 0; i < 20; i++)
        {
            uploads.Add(await RawConnection.OpenAsync(_host.Http1));
            await uploads[i].SendHeadAsync(headers + "a\r\n");
        }

        // Four are only counted, ten more leave an eighth of the rest free, and six wait.
        await WaitingAsync(6);
        Assert.InRange(_host.Memory.HeldBytes, 10 * FreeSize, 11 * FreeSize);

        await using (var other = await RawConnection.OpenAsync(_host.Http1))
        {
            await other.SendHeadAsync(headers + "b\r\n");
            await other.SendAsync(isChunked ? [.. Chunked(body), .. "0\r\n\r\n"u8] : body);
            Assert.Equal(200, (await other.ReadAnswerAsync()).Status);
        }

        foreach (var upload in uploads)
        {
            await upload.SendAsync(isChunked ? [.. Chunked(body), .. "0\r\n\r\n"u8] : body);
        }

        foreach (var upload in uploads)
        {
            Assert.Equal(200, (await upload.ReadAnswerAsync()).Status);
            await upload.DisposeAsync();
        }

        await NothingIsHeldAsync();
    }

    /// <summary>Its length is unknown: it reserves 64 KB, since small bodies hold a quarter, and then the size limit.</summary>
    [Fact]
    public async Task BodyThatOutgrowsItsReservation_ReservesAnew()
    {
        await StartAsync(Megabyte, limit: 400_000);
        var small = new List<RawConnection>();
        for (var i = 0; i < 5; i++)
        {
            small.Add(await RawConnection.OpenAsync(_host.Http1));
            await small[i].SendHeadAsync($"Content-Length: {FreeSize - 1}\r\n");
        }

        await HeldAsync();
        await using var large = await RawConnection.OpenAsync(_host.Http1);
        await large.SendHeadAsync("Transfer-Encoding: chunked\r\nx-owner: b\r\n");
        await large.SendAsync([.. Chunked(Body("large", 300_000)), .. "0\r\n\r\n"u8]);

        Assert.Equal(200, (await large.ReadAnswerAsync()).Status);
        foreach (var connection in small)
        {
            connection.Reset();
            await connection.DisposeAsync();
        }

        await NothingIsHeldAsync();
    }

    [Fact]
    public async Task OwnersThatTheHostNames_TakeTurns()
    {
        await StartAsync(2 * Megabyte);
        await using var first = await BeginAsync("first", 1_500_000, "a");
        await using var second = await BeginAsync("second", 1_500_000, "a");
        await using var third = await BeginAsync("third", 1_500_000, "a");
        await using var other = await BeginAsync("other", 1_500_000, "b");
        await WaitingAsync(3);

        foreach (var upload in (Upload[])[third, other, second, first])
        {
            upload.Finish();
        }

        foreach (var upload in (Upload[])[first, second, third, other])
        {
            Assert.Equal(200, await upload.StatusAsync());
        }

        Assert.Equal(["first", "second", "other", "third"], _read);
    }

    [Theory]
    [InlineData("chunked")]
    [InlineData("gzip")]
    public async Task BodyOfUnknownSize_TakesTheSizeLimitAndGivesBackTheRest(string how)
    {
        await StartAsync(5 * Megabyte, limit: 4 * Megabyte);

        // Up to 64 KB it takes nothing, whole or not.
        await using var first = await BeginAsync("first", 4 * Megabyte);
        var small = await SendUnknownAsync(how, Body("small", FreeSize));
        Assert.Equal(200, (await small.ReadAnswerAsync()).Status);
        await small.DisposeAsync();

        var larger = await SendUnknownAsync(how, Body("larger", FreeSize + 1));
        await WaitingAsync(1);
        first.Finish();
        Assert.Equal(200, await first.StatusAsync());
        Assert.Equal(200, (await larger.ReadAnswerAsync()).Status);
        await larger.DisposeAsync();

        Assert.Equal(["small", "first", "larger"], _read);
        Assert.InRange(Volatile.Read(ref _heldBehind), FreeSize, 2 * Megabyte);
        await NothingIsHeldAsync();
    }

    [Theory]
    [InlineData("{\"model\":1", 400)]
    [InlineData("x", 400)]
    public async Task BodyThatIsRefused_GivesUpItsPlace(string beginning, int status)
    {
        await StartAsync(Megabyte);
        await using var connection = await RawConnection.OpenAsync(_host.Http1);
        await connection.SendHeadAsync("Content-Length: 800000\r\n");
        await connection.SendAsync(beginning + new string(' ', 800_000 - beginning.Length));
        Assert.Equal(status, (await connection.ReadAnswerAsync()).Status);
        await NothingIsHeldAsync();
    }

    /// <summary>Any mixture of sizes, framings and clients that leave: nothing stays held and no body is left waiting.</summary>
    [Fact]
    public async Task Storm_LosesNoPlace()
    {
        await StartAsync(2 * Megabyte, limit: 3 * Megabyte);
        await Parallel.ForEachAsync(Enumerable.Range(1, 80), new ParallelOptions { MaxDegreeOfParallelism = 16 }, async (i, _) =>
        {
            var random = new TestRandom((ulong)i);
            var body = Body($"m{i}", 100 + random.Next(random.Next(4) == 0 ? 3 * Megabyte : 300_000));
            await using var connection = await RawConnection.OpenAsync(_host.Http1);
            var isChunked = random.Next(3) == 0;
            var leaves = random.Next(3) == 0;
            await connection.SendHeadAsync(isChunked ? "Transfer-Encoding: chunked\r\n" : $"Content-Length: {body.Length}\r\n");
            try
            {
                if (leaves)
                {
                    var part = body[..random.Next(body.Length)];
                    await connection.SendAsync(isChunked ? Chunked(part) : part);
                    connection.Reset();
                    return;
                }

                await connection.SendAsync(isChunked ? [.. Chunked(body), .. "0\r\n\r\n"u8] : body);
            }
            catch (IOException) when (leaves)
            {
                return;
            }

            Assert.Equal(200, (await connection.ReadAnswerAsync()).Status);
        });
        await NothingIsHeldAsync();
    }

    private static byte[] Body(string model, int length)
    {
        var head = $"{{\"model\":\"{model}\",\"text\":\"";
        return Encoding.ASCII.GetBytes(head + new string('x', length - head.Length - 2) + "\"}");
    }

    private static byte[] Chunked(byte[] body)
    {
        using var framed = new MemoryStream();
        foreach (var chunk in body.Chunk(50_000))
        {
            framed.Write(Encoding.ASCII.GetBytes(chunk.Length.ToString("x", CultureInfo.InvariantCulture) + "\r\n"));
            framed.Write(chunk);
            framed.Write("\r\n"u8);
        }

        return framed.ToArray();
    }

    private async Task StartAsync(long memory, long limit = 100 * Megabyte, Action<KestrelServerOptions>? kestrel = null) =>
        _host = await MappingHost.StartAsync(_upstream.Address, new()
        {
            Time = _time,
            Kestrel = kestrel,
            Options = options =>
            {
                options.RequestBodyMemory = () => memory;
                options.MaxRequestBodySize = _ => limit;
                options.MaxWaitingBodies = () => _maxWaiting;
                options.RequestBodyOwner = context => context.Request.Headers["x-owner"].ToString();
            },
            Behind = context =>
            {
                Volatile.Write(ref _heldBehind, _host.Memory.HeldBytes);
                _read.Enqueue(context.Features.Get<IProviderMappingFeature>()!.Facts.RequestedModel!);
            },
        });

    /// <summary>
    /// Begins a large body and waits until the server has seen it: it holds a place then, or waits for one. Connections are read in any
    /// order, so that the next body could otherwise come first.
    /// </summary>
    private async Task<Upload> BeginAsync(string model, int length, string owner = "")
    {
        var before = (_host.Memory.HeldBytes, _host.Memory.WaitingBodies);
        var connection = await RawConnection.OpenAsync(_host.Http1);
        await connection.SendHeadAsync($"Content-Length: {length}\r\nx-owner: {owner}\r\n");
        await Eventually.TrueAsync(() => (_host.Memory.HeldBytes, _host.Memory.WaitingBodies) != before, $"{model} to be seen");
        return new Upload(connection, Body(model, length));
    }

    private async Task<RawConnection> SendUnknownAsync(string how, byte[] body)
    {
        var connection = await RawConnection.OpenAsync(_host.Http1);
        if (how == "chunked")
        {
            await connection.SendHeadAsync("Transfer-Encoding: chunked\r\n");
            await connection.SendAsync([.. Chunked(body), .. "0\r\n\r\n"u8]);
            return connection;
        }

        using var packed = new MemoryStream();
        await using (var gzip = new GZipStream(packed, CompressionMode.Compress, leaveOpen: true))
        {
            await gzip.WriteAsync(body, TestContext.Current.CancellationToken);
        }

        await connection.SendHeadAsync($"Content-Length: {packed.Length}\r\nContent-Encoding: gzip\r\n");
        await connection.SendAsync(packed.ToArray());
        return connection;
    }

    private async Task SmallAsync(string model, int length)
    {
        await using var connection = await RawConnection.OpenAsync(_host.Http1);
        Assert.Equal(200, (await connection.SendBodyAsync(Body(model, length))).Status);
    }

    private Task WaitingAsync(int bodies) => Eventually.TrueAsync(
        () => _host.Memory.WaitingBodies == bodies, $"{bodies} bodies that wait");

    private Task HeldAsync() =>
        Eventually.TrueAsync(() => _host.Memory.HeldBytes > 0, "a body with a place");

    private Task NothingIsHeldAsync() => Eventually.TrueAsync(
        () => (_host.Memory.HeldBytes, _host.Memory.WaitingBodies) == (0, 0), "all places to be free");

    /// <summary>A body on its way, all but its last byte.</summary>
    private sealed class Upload(RawConnection connection, byte[] body) : IAsyncDisposable
    {
        private readonly Task _sent = connection.SendAsync(body[..^1]);
        private Task? _answered;

        public RawConnection Connection => connection;

        public Task Sent => _sent;

        public void Finish() => _answered ??= FinishAsync();

        public async Task<int> StatusAsync()
        {
            if (_answered is not null)
            {
                await _answered;
            }

            return (await connection.ReadAnswerAsync()).Status;
        }

        public async ValueTask DisposeAsync()
        {
            await connection.DisposeAsync();
            try
            {
                await _sent;
            }
            catch (Exception left) when (left is IOException or ObjectDisposedException or OperationCanceledException)
            {
            }
        }

        private async Task FinishAsync()
        {
            await _sent;
            await connection.SendAsync(body[^1..]);
        }
    }
}
