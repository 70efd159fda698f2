using System.Text;
using Gateway.Metering;
using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.Gateway.Metering;

/// <summary>Answers that no upstream should send. They give no facts, cause no exception and cost little.</summary>
public sealed class UsageReaderHostileTests
{
    private const string Bill = "\"usage\":{\"prompt_tokens\":5,\"cost\":0.5}";

    [Fact]
    public void TextEvents_CostNoMemory()
    {
        var answer = TextEvents();
        foreach (var size in new[] { answer.Length, 997, 100, 1 })
        {
            var reader = new UsageReader(isEventStream: true);
            Feed(reader, answer, size);

            Assert.Equal(0, Allocations.Least(() =>
            {
                for (var i = 0; i < 20; i++)
                {
                    Feed(reader, answer, size);
                }
            }));
            Assert.Equal("gen-1", reader.Facts.Id);
        }
    }

    [Theory]
    [InlineData(true, "", "data: {\"a\":\"", "x")]
    [InlineData(true, "", "", "x")]
    [InlineData(true, "", ": ", "x")]
    [InlineData(true, "", "event: ", "x")]
    [InlineData(true, "data: {\"id\":\"", "", "x")]
    [InlineData(true, "data: {\"", "", "x")]
    [InlineData(true, "data: {\"id\":", "", "9")]
    [InlineData(true, "data: ", "", "[")]
    [InlineData(false, "", "", " ")]
    [InlineData(false, "{\"id\":\"", "", "\\u0041")]
    [InlineData(false, "{\"usage\":{\"cost\":", "", "1")]
    [InlineData(false, "{\"data\":", "", "[")]
    [InlineData(false, "{\"data\":", "", "{\"a\":")]
    [InlineData(false, "", "", "\0")]
    public void EndlessValue_CostsNoMemory(bool isEventStream, string first, string second, string repeated)
    {
        var beginning = Encoding.UTF8.GetBytes(first + second);
        var block = Encoding.UTF8.GetBytes(string.Concat(Enumerable.Repeat(repeated, 1 << 16)));

        var reader = new UsageReader(isEventStream);
        reader.Read(beginning);

        // The runtime allocates too, for example for statics and for methods that it compiles anew, but not in each round.
        var least = long.MaxValue;
        for (var round = 0; round < 4; round++)
        {
            var before = GC.GetAllocatedBytesForCurrentThread();
            for (var i = 0; i < 50; i++)
            {
                reader.Read(block);
            }

            least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before);
        }

        Assert.InRange(least, 0, 256);
        reader.End();
        Assert.Equal(ResponseFacts.None, reader.Facts);
    }

    [Theory]
    [InlineData("[", "]")]
    [InlineData("{\"usage\":", "}")]
    [InlineData("{\"response\":", "}")]
    [InlineData("{\"choices\":[", "]}")]
    public void DeepNesting_IsSkipped(string open, string close)
    {
        const int Depth = 100_000;
        var deep = string.Concat(Enumerable.Repeat(open, Depth)) + "1" + string.Concat(Enumerable.Repeat(close, Depth));
        var answer = Encoding.UTF8.GetBytes("{\"x\":" + deep + ",\"response\":" + deep + "," + Bill + "}");

        foreach (var size in new[] { answer.Length, 8191 })
        {
            var facts = UsageCases.Read(new UsageReader(isEventStream: false), answer.Chunk(size));
            Assert.Equal("0.5", facts.Usage?.Cost.ToString());
            Assert.True(facts.IsComplete);
        }
    }

    [Fact]
    public void LongStrings_AreSkippedAndLongNamesDropped()
    {
        var text = new string('y', 10_000_000);
        var answer = Encoding.UTF8.GetBytes($$"""{"id":"{{text}}","{{text}}":"{{text}}\"usage\":{","model":"m",{{Bill}}}""");

        foreach (var size in new[] { answer.Length, 64 * 1024 })
        {
            var facts = UsageCases.Read(new UsageReader(isEventStream: false), answer.Chunk(size));
            Assert.Null(facts.Id);
            Assert.Equal("m", facts.Model);
            Assert.Equal("0.5", facts.Usage?.Cost.ToString());
        }
    }

    [Theory]
    [InlineData(512, true)]
    [InlineData(513, false)]
    public void LongId_IsKeptUpToALimitThatCutsDoNotMove(int length, bool isKept)
    {
        var answer = Encoding.UTF8.GetBytes($$"""{"id":"{{new string('i', length)}}"}""");
        for (var at = 0; at <= answer.Length; at++)
        {
            var facts = UsageCases.Read(new UsageReader(isEventStream: false), answer[..at], answer[at..]);
            Assert.Equal(isKept, facts.Id is not null);
        }
    }

    [Theory]
    [InlineData("{\"id\":\"a\\u0000b\"}", null)]
    [InlineData("{\"id\":\"a\\nb\"}", null)]
    [InlineData("{\"id\":\"a\0b\"}", null)]
    [InlineData("{\"id\":\"\"}", null)]
    [InlineData("{\"id\":\"a\\q\"}", null)]
    [InlineData("{\"id\":\"a\\u12G4\"}", null)]
    [InlineData("{\"id\":\"a\\u12\"}", null)]
    [InlineData("{\"id\":\"\\ud800\"}", "\uFFFD")]
    [InlineData("{\"id\":\"\\ud800\\ud83d\\ude00\\udc00\"}", "\uFFFD😀\uFFFD")]
    [InlineData("{\"id\":\"\\\"\\\\\\/\\u00e9é\"}", "\"\\/éé")]
    public void OddStrings_AreReadAsTheyAreOrNotAtAll(string answer, string? expected)
    {
        foreach (var size in new[] { 1, 1000 })
        {
            Assert.Equal(expected, UsageCases.Read(new UsageReader(isEventStream: false), Encoding.UTF8.GetBytes(answer).Chunk(size)).Id);
        }
    }

    [Fact]
    public void InvalidUtf8_BecomesReplacementCharacters()
    {
        byte[] answer = [.. "{\"id\":\"a"u8, 0xFF, 0xC3, .. "\",\"x\":\""u8, 0xFE, .. "\","u8, .. Encoding.UTF8.GetBytes(Bill), .. "}"u8];
        var facts = UsageCases.Read(new UsageReader(isEventStream: false), answer.Chunk(1));

        Assert.Equal("a\uFFFD\uFFFD", facts.Id);
        Assert.Equal("0.5", facts.Usage?.Cost.ToString());
    }

    [Theory]
    [InlineData("{,}")]
    [InlineData("}")]
    [InlineData("{\"a\" \"b\"}")]
    [InlineData("{\"a\":}")]
    [InlineData("{a:1}")]
    [InlineData("{\"choices\":[}]")]
    [InlineData("{\"usage\":{]")]
    [InlineData("x{")]
    [InlineData("\u00EF{")]
    public void BrokenJson_EndsTheWalk(string broken)
    {
        var answer = Encoding.UTF8.GetBytes(broken + "," + Bill + "}");
        foreach (var size in new[] { 1, 1000 })
        {
            Assert.Equal(ResponseFacts.None, UsageCases.Read(new UsageReader(isEventStream: false), answer.Chunk(size)));
        }
    }

    [Fact]
    public void BrokenEvent_DoesNotSpoilTheNext()
    {
        const string Before = "data: {\"usage\":{\"cost\":9,]}\n\ndata: <html>\n\n";
        const string After = "data: {\"usage\":{\"cost\":7\n\n";
        var answer = Encoding.UTF8.GetBytes(Before + "data: {" + Bill + "}\n\n" + After);
        foreach (var size in new[] { 1, 5, 1000 })
        {
            var usage = UsageCases.Read(new UsageReader(isEventStream: true), answer.Chunk(size)).Usage;
            Assert.Equal("0.5", usage?.Cost.ToString());
        }
    }

    [Theory]
    [InlineData(1UL)]
    [InlineData(2UL)]
    public void RandomBytes_ThrowNothing(ulong seed)
    {
        var random = new TestRandom(seed);
        string[] words =
        [
            "{", "}", "[", "]", "\"", "\\", ":", ",", "\n", "\r", "data: ", "event: ", "\"usage\"", "\"cost\":", "\"choices\":[", "1e9",
            "null", "\\u", "[DONE]", "message_stop", "error", "\"id\":\"", "\0", "\uFEFF", "é", " ",
        ];
        for (var run = 0; run < 3000; run++)
        {
            var text = string.Concat(Enumerable.Range(0, 60).Select(_ => words[random.Next(words.Length)]));
            var answer = Encoding.UTF8.GetBytes(text);
            answer[random.Next(answer.Length)] = (byte)random.Next(256);
            var isEventStream = run % 2 == 0;
            UsageCases.Read(new UsageReader(isEventStream), answer);
            UsageCases.Read(new UsageReader(isEventStream), answer.Chunk(1 + random.Next(9)));
        }
    }

    private static void Feed(UsageReader reader, byte[] answer, int size)
    {
        for (var at = 0; at < answer.Length; at += size)
        {
            reader.Read(answer.AsSpan(at, Math.Min(size, answer.Length - at)));
        }
    }

    private static byte[] TextEvents()
    {
        var text = new StringBuilder(": OPENROUTER PROCESSING\n\n");
        for (var i = 0; i < 100; i++)
        {
            text.Append("data: {\"id\":\"gen-1\",\"provider\":\"OpenAI\",\"model\":\"openai/gpt-4o-mini\",\"choices\":")
                .Append("[{\"index\":0,\"delta\":{\"content\":\"word ").Append(i)
                .Append("\"},\"finish_reason\":null,\"native_finish_reason\":null}]}\n\n");
        }

        return Encoding.UTF8.GetBytes(text.ToString());
    }
}
