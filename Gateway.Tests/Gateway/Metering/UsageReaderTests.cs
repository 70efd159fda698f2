using System.Text;
using Gateway.Metering;
using Xunit;

namespace Gateway.Tests.Gateway.Metering;

/// <summary>The facts that the reader finds in real answers, however their bytes are cut.</summary>
public sealed class UsageReaderTests
{
    public static TheoryData<string> Cases => [.. UsageCases.Names];

    [Theory]
    [MemberData(nameof(Cases))]
    public void Answer_TeachesWhatItSays(string name) => Assert.Equal(UsageCases.Expected(name), Read(name, UsageCases.Answer(name)));

    [Theory]
    [MemberData(nameof(Cases))]
    public void AnswerCutAnywhere_TeachesTheSame(string name)
    {
        var answer = UsageCases.Answer(name);
        var expected = UsageCases.Expected(name);
        for (var at = 1; at < answer.Length; at++)
        {
            var facts = Read(name, answer[..at], answer[at..]);
            Assert.True(expected == facts, $"cut at {at}: {facts}");
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void AnswerInSmallPieces_TeachesTheSame(string name)
    {
        var answer = UsageCases.Answer(name);
        foreach (var size in new[] { 1, 2, 3, 7, 16, 61, 256 })
        {
            Assert.Equal(UsageCases.Expected(name), Read(name, [.. answer.Chunk(size)]));
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void AnswerCutShort_NeverHasABillItWasNotGiven(string name)
    {
        var answer = UsageCases.Answer(name);

        // The first of two bills counts until the second one comes, in the one case that has two.
        string[] bills = [.. UsageCases.Expected(name).Split('\n'), name == "chat-duplicates.json" ? "cost: 1" : ""];
        for (var length = 0; length < answer.Length; length++)
        {
            var cost = UsageCases.Read(Reader(name), answer[..length]).Usage?.Cost;
            Assert.True(cost is null || bills.Contains($"cost: {cost}"), $"{length}: {cost}");
        }
    }

    /// <summary>Whether the text goes on behind a cost must not depend on how the stream is cut.</summary>
    [Theory]
    [InlineData("{\"id\":\"c1\",\"choices\":[],\"openrouter_metadata\":{\"a\":1}}", false)]
    [InlineData("{\"id\":\"c1\",\"choices\":[{\"delta\":{\"content\":\"x\"}}]}", true)]
    public void EventBehindTheCost_MakesItInterimOnlyWithText(string behind, bool isInterim)
    {
        var stream = Encoding.UTF8.GetBytes(
            $"data: {{\"id\":\"c1\",\"choices\":[],\"usage\":{{\"cost\":0.002}}}}\n\ndata: {behind}\n\ndata: [DONE]\n\n");
        for (var at = 0; at < stream.Length; at++)
        {
            using var reader = new UsageReader(isEventStream: true);
            reader.Read(stream.AsSpan(0, at));
            reader.Read(stream.AsSpan(at));
            reader.End();

            Assert.True(reader.IsCostInterim == isInterim, $"cut at {at}");
        }
    }

    [Theory]
    [InlineData("\"upstream_inference_cost\":null,\"upstream_inference_input_cost\":0.4,\"upstream_inference_output_cost\":0.1", "0.5")]
    [InlineData("\"upstream_inference_prompt_cost\":0.4,\"upstream_inference_completions_cost\":0.1", "0.5")]
    [InlineData("\"upstream_inference_output_cost\":0.1", "0.1")]
    [InlineData("\"upstream_inference_cost\":0.7,\"upstream_inference_input_cost\":0.4,\"upstream_inference_output_cost\":0.1", "0.7")]
    public void ProvidersCost_MayComeInParts(string details, string expected)
    {
        foreach (var isByok in new[] { true, false })
        {
            using var reader = new UsageReader(isEventStream: false);
            reader.Read(Encoding.UTF8.GetBytes(
                $"{{\"usage\":{{\"cost\":0,\"is_byok\":{(isByok ? "true" : "false")},\"cost_details\":{{{details}}}}}}}"));

            Assert.Equal(isByok ? expected : null, reader.Facts.Usage!.UpstreamCost?.ToString());
        }
    }

    [Theory]
    [InlineData("\"request_id\":\"gen-1\"", "gen-1")]
    [InlineData("\"request_id\":\"req_1\"", null)]
    [InlineData("\"request_id\":null", null)]
    [InlineData("\"id\":\"gen-2\",\"request_id\":\"gen-1\"", "gen-2")]
    public void RequestId_MayNameTheGeneration(string member, string? id)
    {
        using var reader = new UsageReader(isEventStream: false);
        reader.Read(Encoding.UTF8.GetBytes($"{{\"type\":\"error\",\"error\":{{}},{member}}}"));

        Assert.Equal(id, reader.Facts.Id);
    }

    [Fact]
    public void Chat_IsCompleteWithItsLastBrace()
    {
        var reader = new UsageReader(isEventStream: false);
        reader.Read("{\"usage\":{\"cost\":1}"u8);
        Assert.Equal("1", reader.Facts.Usage?.Cost.ToString());
        Assert.False(reader.IsComplete);

        reader.Read("}"u8);
        Assert.True(reader.IsComplete);
        Assert.True(reader.Facts.IsComplete);
    }

    [Theory]
    [InlineData("data: [DONE]\n\n")]
    [InlineData("data:[DONE] \n\n")]
    [InlineData("data: {\"type\":\"message_stop\"}\n\n")]
    [InlineData("event: message_stop\ndata: {}\n\n")]
    [InlineData("data: {\"sequence_number\":10,\"type\": \"response.completed\",\"response\":{}}\n\n")]
    [InlineData("data: {\"type\":\"response.incomplete\"}\n\n")]
    [InlineData("data: {\"type\":\"response.failed\"}\n\n")]
    public void Stream_IsCompleteWithItsLastEvent(string last)
    {
        var reader = new UsageReader(isEventStream: true);

        // Past the first events, which are read with any content.
        for (var i = 0; i < 20; i++)
        {
            reader.Read("data: {\"id\":\"a\"}\n\n"u8);
        }

        Assert.False(reader.IsComplete);
        reader.Read(Encoding.UTF8.GetBytes(last));
        Assert.True(reader.IsComplete);
    }

    [Theory]
    [InlineData("data: [DONE")]
    [InlineData("data: [DONE]]\n\n")]
    [InlineData("data: x[DONE]\n\n")]
    [InlineData(": [DONE]\n\n")]
    [InlineData("data: {\"a\":\"[DONE]\"}\n\n")]
    [InlineData("data: {}\ndata: [DONE]\n\n")]
    [InlineData("data: {\"type\":\"message_stop\"\n\n")]
    [InlineData("data: {\"delta\":{\"type\":\"message_stop\"}}\n\n")]
    [InlineData("event: message_stopped\ndata: {}\n\n")]
    public void Stream_IsNotCompleteWithALookAlike(string last)
    {
        foreach (var size in new[] { 1, 1000 })
        {
            var facts = UsageCases.Read(new UsageReader(isEventStream: true), Encoding.UTF8.GetBytes(last).Chunk(size));
            Assert.False(facts.IsComplete);
        }
    }

    [Theory]
    [InlineData(true, ": OPENROUTER PROCESSING\n\n:\n\n\r\n", false)]
    [InlineData(true, "event: x\nid: 1\nretry: 5\n\n", false)]
    [InlineData(true, "data:\n\ndata: \n\ndata\n\n", false)]
    [InlineData(true, "\uFEFF", false)]
    [InlineData(true, "data: {", true)]
    [InlineData(true, ": x\n\ndata: x\n\n", true)]
    [InlineData(false, " \r\n\t ", false)]
    [InlineData(false, "\uFEFF ", false)]
    [InlineData(false, "  {", true)]
    public void Progress_IsDataAndNothingElse(bool isEventStream, string answer, bool expected)
    {
        foreach (var size in new[] { 1, 1000 })
        {
            var reader = new UsageReader(isEventStream);
            UsageCases.Read(reader, Encoding.UTF8.GetBytes(answer).Chunk(size));
            Assert.Equal(expected, reader.HasData);
        }
    }

    [Fact]
    public void Facts_AreTheSameObjectUntilSomethingIsLearnt()
    {
        var reader = new UsageReader(isEventStream: true);
        Assert.Same(ResponseFacts.None, reader.Facts);

        reader.Read("data: {\"id\":\"a\",\"model\":\"m\"}\n\n"u8);
        var first = reader.Facts;
        reader.Read("data: {\"id\":\"a\",\"model\":\"m\",\"error\":null,\"choices\":[{\"finish_reason\":null}]}\n\n"u8);
        Assert.Same(first, reader.Facts);

        reader.Read("data: {\"id\":\"a\",\"choices\":[{\"finish_reason\":\"stop\"}]}\n\n"u8);
        Assert.Equal(first with { FinishReason = "stop" }, reader.Facts);
    }

    [Theory]
    [InlineData("null", null)]
    [InlineData("-1", null)]
    [InlineData("1.5", null)]
    [InlineData("\"7\"", null)]
    [InlineData("99999999999999999999999999", null)]
    [InlineData("1000000000000001", null)]
    [InlineData("1000000000000000", 1000000000000000)]
    [InlineData("7", 7L)]
    public void Tokens_AreWholeNumbersOrNotTold(string written, long? expected)
    {
        var answer = Encoding.UTF8.GetBytes("{\"usage\":{\"prompt_tokens\":" + written + ",\"completion_tokens\":1}}");
        var usage = UsageCases.Read(new UsageReader(isEventStream: false), answer).Usage;

        Assert.Equal(expected, usage?.PromptTokens);
        Assert.Equal(1, usage?.CompletionTokens);
    }

    [Theory]
    [InlineData("""{"usage":{}}""")]
    [InlineData("""{"usage":[{"cost":1}]}""")]
    [InlineData("""{"usage":"cost"}""")]
    [InlineData("""{"usage":{"cost":null,"prompt_tokens":null}}""")]
    public void UsageThatTellsNothing_IsNoUsage(string answer) =>
        Assert.Null(UsageCases.Read(new UsageReader(isEventStream: false), Encoding.UTF8.GetBytes(answer)).Usage);

    [Theory]
    [InlineData("""{"error":{}}""", true)]
    [InlineData("""{"error":"text"}""", true)]
    [InlineData("""{"error":429}""", true)]
    [InlineData("""{"error":null}""", false)]
    [InlineData("""{"choices":[{},{"error":{"code":1}}]}""", true)]
    [InlineData("""{"choices":[{"message":{"error":{"code":1}}}]}""", false)]
    [InlineData("""{"response":{"error":{"code":1}}}""", true)]
    [InlineData("""{"type":"error"}""", true)]
    [InlineData("""{"type":"response.failed"}""", true)]
    [InlineData("""{"type":"message"}""", false)]
    [InlineData("""{"data":[{"error":1}],"metadata":{"error":1}}""", false)]
    public void Error_IsOneOfTheAnswer(string answer, bool expected) =>
        Assert.Equal(expected, UsageCases.Read(new UsageReader(isEventStream: false), Encoding.UTF8.GetBytes(answer)).HasError);

    private static UsageReader Reader(string name) => new(UsageCases.IsEventStream(name));

    private static string Read(string name, params IEnumerable<byte[]> pieces) => UsageCases.Render(UsageCases.Read(Reader(name), pieces));
}
