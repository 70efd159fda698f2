using System.Text;
using Gateway.Tests.Support;
using OpenRouterGateway.Transforms.RequestBody;
using Xunit;

namespace Gateway.Tests.Transforms.RequestBody.Tools;

/// <summary>Promise: the models of a long conversation are found in one pass that costs nothing for the messages.</summary>
public sealed class PinnedModelsTests
{
    private const int Messages = 100_000;

    [Theory]
    [InlineData("\"model\"")]
    [InlineData("\"mod\\u0065l\"")]
    public void LongConversation_CostsNoMemoryPerMessage(string key)
    {
        var few = Allocated(key, messages: 10, pins: true) - Allocated(key, messages: 10, pins: false);
        var many = Allocated(key, Messages, pins: true) - Allocated(key, Messages, pins: false);

        // A message has four names and a model: a string for each of them is some twenty million bytes.
        Assert.InRange(many - few, long.MinValue, 3 * Messages);
    }

    [Theory]
    [InlineData(1024, false)]
    [InlineData(1025, true)]
    public void MoreModelsThanTheLimit_AreAnyModel(int models, bool isAny)
    {
        var messages = Enumerable.Range(0, models * 3).Select(i => $$"""{"role":"assistant","model":"m{{i % models}}"}""");
        var use = BodyScan.Facts(Body(messages, pins: true)).ServerTools.Uses[^1];

        Assert.Equal((1024, isAny), (use.Models.Count, use.NamesAnyModel));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(64)]
    public void Names_MayCrossSegments(int size)
    {
        var body = Encoding.UTF8.GetBytes(Body(
            ["""{"role":"assistant","model":"a/long-name"}""", """{"mod\u0065l":"\u0062é/x","content":[{"model":"no"}]}""", """{"model":7}"""], pins: true));
        using var scanner = new BodyScanner();
        scanner.Scan(body);
        Assert.True(scanner.TryComplete(SegmentedSequence.Create([.. body.Chunk(size)]), out var facts));

        Assert.Equal(["a/long-name", "bé/x"], facts.ServerTools.Uses[^1].Models);
    }

    private static long Allocated(string key, int messages, bool pins)
    {
        var message = $$"""{"role":"assistant","content":"","id":"x",{{key}}:"openai/gpt-4o"}""";
        var body = Encoding.UTF8.GetBytes(Body(Enumerable.Repeat(message, messages), pins));
        var pieces = SegmentedSequence.Create([.. body.Chunk(65_536)]);
        return Allocations.Least(() =>
        {
            using var scanner = new BodyScanner();
            scanner.Scan(body);
            Assert.True(scanner.TryComplete(pieces, out var facts));
            Assert.Equal(pins ? ["openai/gpt-4o"] : [], facts.ServerTools.Uses[^1].Models);
        });
    }

    private static string Body(IEnumerable<string> messages, bool pins) =>
        $$"""{"plugins":[{"id":"auto-router","pin_model":{{(pins ? "true" : "false")}}}],"messages":[{{string.Join(',', messages)}}]}""";
}
