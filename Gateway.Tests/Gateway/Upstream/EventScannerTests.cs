using System.Text;
using Gateway.Tests.Support;
using Gateway.Upstream;
using Xunit;

namespace Gateway.Tests.Gateway.Upstream;

/// <summary>Promise: the findings in an event stream's bytes do not depend on how they are split.</summary>
public sealed class EventScannerTests
{
    [Theory]
    [InlineData("data: {}\n", true, false)]
    [InlineData("\uFEFFdata:x\r\n\r\n", true, false)]
    [InlineData(": data: x\n\nid: 1\n\nretry: 1\n\n:\n", false, false)]
    [InlineData("data:\n\ndata: \t \r\rdata\n\n", false, false)]
    [InlineData("event: ping\ndata: {}\n\n", false, false)]
    [InlineData("event: ping\n\ndata: {}\n\n", true, false)]
    [InlineData("data: {\"type\": \"ping\"}\n\n", false, false)]
    [InlineData("data: [DONE]", false, true)]
    [InlineData("data:[DONE]\r", true, true)]
    [InlineData("data: [DONE]x\n", true, false)]
    [InlineData(": [DONE]\n", false, false)]
    [InlineData("event: message_stop\n", false, false)]
    [InlineData("event: message_stop\ndata: {}\n", true, true)]
    [InlineData("event: message_stop\n\ndata: {}\n", true, false)]
    [InlineData("data: {\"type\":\"response.completed\",\"x\":1}\n", true, true)]
    [InlineData("data: {\"type\":\"response.completed\",\"x\":1}", false, false)]
    [InlineData("data: {\"x\":{},\"text\":\"response.completed\"}\n", true, false)]
    [InlineData("data: {\"type\":\"response.failed\",\"x\":\"§\"}\n", true, true)]
    [InlineData("data: {\"x\":\"§\"}", true, false)]
    [InlineData(": §\n", false, false)]
    public void EverySplit_SaysTheSame(string stream, bool hasData, bool isComplete)
    {
        var bytes = Encoding.UTF8.GetBytes(stream.Replace("§", new string('x', 300), StringComparison.Ordinal));
        foreach (var size in (int[])[bytes.Length, 1, 2, 3, 7, 127, 128, 129])
        {
            var scanner = new EventScanner();
            var data = false;
            foreach (var part in bytes.Chunk(size))
            {
                data |= scanner.Read(part);
            }

            scanner.End();
            Assert.Equal((size, hasData, isComplete), (size, data, scanner.IsComplete));
        }
    }

    [Fact]
    public void LongLine_CountsAsItArrives()
    {
        var scanner = new EventScanner();
        scanner.Read(Encoding.UTF8.GetBytes("data: " + new string('x', 500)));

        Assert.True(scanner.Read("x"u8));
        Assert.False(scanner.Read("  "u8));
        Assert.False(scanner.Read("\n: x"u8) && scanner.Read(Encoding.UTF8.GetBytes(new string('x', 500))));
    }

    [Fact]
    public void Random_NeverThrows()
    {
        var random = new Prng(7);
        const string Alphabet = "data: [DONE]event{}\"\n\r:p";
        for (var i = 0; i < 2_000; i++)
        {
            var scanner = new EventScanner();
            var text = new byte[random.Next() % 40];
            for (var at = 0; at < text.Length; at++)
            {
                text[at] = (byte)Alphabet[(int)(random.Next() % (ulong)Alphabet.Length)];
            }

            scanner.Read(text.AsSpan(0, text.Length / 2));
            scanner.Read(text.AsSpan(text.Length / 2));
            scanner.End();
        }
    }
}
