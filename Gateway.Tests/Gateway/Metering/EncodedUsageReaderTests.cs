using System.IO.Compression;
using System.Text;
using Gateway.Metering;
using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.Gateway.Metering;

/// <summary>Compressed answers: the reader finds the same facts as in plain ones, within the call that brings the bytes.</summary>
public sealed class EncodedUsageReaderTests
{
    private static readonly string[] Encodings = ["gzip", "deflate", "raw deflate", "br"];

    public static TheoryData<string, string> Cases =>
        [.. Encodings.SelectMany(encoding => UsageCases.Names.Select(name => (encoding, name)))];

    public static TheoryData<string> AllEncodings => [.. Encodings];

    [Theory]
    [MemberData(nameof(Cases))]
    public async Task Answer_TeachesWhatItSays(string encoding, string name)
    {
        var encoded = await EncodeAsync(encoding, UsageCases.Answer(name));
        foreach (var size in new[] { encoded.Length, 1, 2, 7, 100 })
        {
            using var reader = Reader(encoding, UsageCases.IsEventStream(name));
            Assert.Equal(UsageCases.Expected(name), UsageCases.Render(UsageCases.Read(reader, encoded.Chunk(size))));
        }
    }

    [Theory]
    [MemberData(nameof(AllEncodings))]
    public async Task AnswerCutAnywhere_TeachesTheSame(string encoding)
    {
        var encoded = await EncodeAsync(encoding, UsageCases.Answer("chat.sse"));
        for (var at = 1; at < encoded.Length; at++)
        {
            using var reader = Reader(encoding, isEventStream: true);
            Assert.Equal(UsageCases.Expected("chat.sse"), UsageCases.Render(UsageCases.Read(reader, encoded[..at], encoded[at..])));
        }
    }

    [Theory]
    [MemberData(nameof(AllEncodings))]
    public async Task FlushedEvent_IsReadWithinItsCall(string encoding)
    {
        var cancellation = TestContext.Current.CancellationToken;
        using var compressed = new MemoryStream();
        await using var encoder = Encoder(encoding, compressed);
        using var reader = Reader(encoding, isEventStream: true);
        for (var i = 0; i < 50; i++)
        {
            var at = (int)compressed.Length;
            await encoder.WriteAsync(Encoding.UTF8.GetBytes($"data: {{\"id\":\"gen-{i}\",\"usage\":{{\"cost\":{i}}}}}\n\n"), cancellation);
            await encoder.FlushAsync(cancellation);
            reader.Read(compressed.ToArray().AsSpan(at));

            Assert.Equal($"gen-{i}", reader.Facts.Id);
            Assert.Equal($"{i}", reader.Facts.Usage?.Cost.ToString());
        }
    }

    [Theory]
    [MemberData(nameof(AllEncodings))]
    public async Task LongAnswerWithoutAnId_IsReadToItsBillAndNotKept(string encoding)
    {
        var answer = await EncodeAsync(
            encoding, [.. "{\"data\":\""u8, .. new byte[EncodedUsageReader.MaxDecodedBytes + 1], .. "\",\"usage\":{\"cost\":0.25}}"u8]);

        Assert.InRange(Allocations.Least(Read), 0, answer.Length + 200_000);

        void Read()
        {
            using var reader = (EncodedUsageReader)Reader(encoding, isEventStream: false);
            foreach (var piece in answer.Chunk(16 * 1024))
            {
                reader.Read(piece);
            }

            Assert.True(reader.IsComplete);
            Assert.Equal("0.25", reader.Facts.Usage?.Cost.ToString());
        }
    }

    [Theory]
    [MemberData(nameof(AllEncodings))]
    public async Task Bomb_IsReadUpToALimitAndCostsNoMemory(string encoding)
    {
        var bomb = await EncodeAsync(encoding, [.. "{\"id\":\"a\",\"x\":\""u8, .. new byte[EncodedUsageReader.MaxDecodedBytes + 1_000_000], .. "\"}"u8]);

        Assert.InRange(Allocations.Least(Read), 0, bomb.Length + 200_000);

        void Read()
        {
            using var reader = (EncodedUsageReader)Reader(encoding, isEventStream: false);
            reader.NoteNamed();
            foreach (var piece in bomb.Chunk(16 * 1024))
            {
                reader.Read(piece);
            }

            Assert.InRange(reader.DecodedBytes, EncodedUsageReader.MaxDecodedBytes, EncodedUsageReader.MaxDecodedBytes + 16 * 1024);
            Assert.Equal("a", reader.Facts.Id);
            Assert.False(reader.IsComplete);
        }
    }

    [Theory]
    [MemberData(nameof(AllEncodings))]
    public async Task DamagedAnswer_TeachesNoMoreThanWasRead(string encoding)
    {
        var encoded = await EncodeAsync(encoding, UsageCases.Answer("responses.sse"));
        var bills = 0;
        for (var at = 0; at < encoded.Length; at += 3)
        {
            var damaged = encoded.ToArray();
            damaged[at] ^= 0x5A;
            using var reader = Reader(encoding, isEventStream: true);
            var cost = UsageCases.Read(reader, damaged.Chunk(50)).Usage?.Cost;
            Assert.Same(reader.Facts, UsageCases.Read(reader, encoded));
            bills += cost is null ? 0 : 1;
        }

        // Damage behind the bill, or to a letter of the text, leaves it readable.
        Assert.InRange(bills, 0, encoded.Length / 3 / 2);
    }

    [Theory]
    [MemberData(nameof(AllEncodings))]
    public async Task ReaderThatIsDropped_LetsGoWithoutAnEnd(string encoding)
    {
        var encoded = await EncodeAsync(encoding, UsageCases.Answer("chat.sse"));
        var reader = Reader(encoding, isEventStream: true);
        reader.Read(encoded.AsSpan(0, encoded.Length / 2));
        reader.Dispose();
        reader.Dispose();
        reader.Read(encoded);
        reader.End();

        Assert.False(reader.IsComplete);
    }

    [Theory]
    [InlineData("zstd")]
    [InlineData("gzip, br")]
    [InlineData("nonsense")]
    public void UnknownEncoding_TeachesNothing(string encoding)
    {
        using var reader = ResponseReaders.Create(isEventStream: false, encoding.Split(", "));
        Assert.Equal(ResponseFacts.None, UsageCases.Read(reader, UsageCases.Answer("chat.json")));
        Assert.False(reader.HasData);
    }

    [Theory]
    [InlineData("")]
    [InlineData("identity")]
    [InlineData("Identity,identity")]
    public void PlainAnswer_IsReadAsItIs(string encodings)
    {
        using var reader = ResponseReaders.Create(isEventStream: false, encodings.Split(',', StringSplitOptions.RemoveEmptyEntries));
        Assert.IsType<UsageReader>(reader);
    }

    private static IResponseReader Reader(string encoding, bool isEventStream) =>
        ResponseReaders.Create(isEventStream, [encoding.Replace("raw ", "", StringComparison.Ordinal)]);

    private static async Task<byte[]> EncodeAsync(string encoding, byte[] answer)
    {
        using var compressed = new MemoryStream();
        await using (var encoder = Encoder(encoding, compressed))
        {
            await encoder.WriteAsync(answer);
        }

        return compressed.ToArray();
    }

    private static Stream Encoder(string encoding, Stream target)
    {
        return encoding switch
        {
            "gzip" => new GZipStream(target, CompressionLevel.Fastest, leaveOpen: true),
            "deflate" => new ZLibStream(target, CompressionLevel.Fastest, leaveOpen: true),
            "raw deflate" => new DeflateStream(target, CompressionLevel.Fastest, leaveOpen: true),
            _ => new BrotliStream(target, CompressionLevel.Fastest, leaveOpen: true),
        };
    }
}
