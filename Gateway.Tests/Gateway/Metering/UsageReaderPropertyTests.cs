using System.Text;
using System.Text.Json;
using Gateway.Metering;
using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.Gateway.Metering;

/// <summary>The reader against the framework's own parser, on random JSON full of names that matter.</summary>
public sealed class UsageReaderPropertyTests
{
    [Theory]
    [InlineData(1UL)]
    [InlineData(2UL)]
    [InlineData(3UL)]
    public void Body_TeachesWhatAFullParseFinds(ulong seed)
    {
        var random = new TestRandom(seed);
        var json = new RandomAnswer(random, isEvent: false);
        var withBill = 0;
        for (var run = 0; run < 1500; run++)
        {
            var text = json.Next();
            var expected = new ParsedAnswer();
            using (var document = JsonDocument.Parse(text))
            {
                expected.Read(document.RootElement);
            }

            var facts = expected.Facts with { IsComplete = true };
            withBill += facts.Usage is null ? 0 : 1;
            var answer = Encoding.UTF8.GetBytes(text);
            foreach (var size in new[] { answer.Length, 1, 1 + random.Next(30) })
            {
                var read = UsageCases.Read(new UsageReader(isEventStream: false), answer.Chunk(size));
                Assert.True(facts == read, $"seed {seed}, run {run}, pieces of {size}:\n{text}\n{facts}\n{read}");
            }
        }

        Assert.InRange(withBill, 150, 1499);
    }

    [Theory]
    [InlineData(4UL)]
    [InlineData(5UL)]
    public void Stream_TeachesWhatAFullParseOfItsEventsFinds(ulong seed)
    {
        var random = new TestRandom(seed);
        var json = new RandomAnswer(random, isEvent: true);
        string[] ends = ["\n", "\r\n", "\r"];
        for (var run = 0; run < 500; run++)
        {
            var expected = new ParsedAnswer();
            var text = new StringBuilder();
            var end = ends[random.Next(ends.Length)];
            for (var i = random.Next(20); i >= 0; i--)
            {
                var data = json.Next();
                using var document = JsonDocument.Parse(data);
                expected.Read(document.RootElement);
                text.Append("data: ").Append(data).Append(end).Append(end);
            }

            var answer = Encoding.UTF8.GetBytes(text.ToString());
            foreach (var size in new[] { answer.Length, 1, 1 + random.Next(500) })
            {
                var read = UsageCases.Read(new UsageReader(isEventStream: true), answer.Chunk(size));
                Assert.True(expected.Facts == read, $"seed {seed}, run {run}, pieces of {size}:\n{text}\n{expected.Facts}\n{read}");
            }
        }
    }
}
