using System.Text;
using Gateway.Metering;
using Gateway.Primitives;
using Xunit;

namespace Gateway.Tests.Gateway.Metering;

/// <summary>The results of the reader beside the facts: whether anything but upstream's error came, and the amount of text that passed.</summary>
public sealed class UsageReaderContentTests
{
    private const string Error = """data: {"error":{"code":502,"message":"x"}}""";
    private const string Text = """data: {"choices":[{"index":0,"delta":{"content":"x"}}]}""";

    public static TheoryData<string, bool> Streams => new()
    {
        { Error, false },
        { """data: {"error":{"code":502},"choices":[{"delta":{"content":""},"finish_reason":"error"}]}""", false },
        { """data: {"choices":[{"finish_reason":"error","error":{"code":502}}]}""", false },
        { "event: error\ndata: gone", false },
        { """event: error|data: {"type":"error","error":{"type":"api_error"}}""", false },
        { """data: {"type":"response.failed","response":{"status":"failed","error":{"code":"x"}}}""", false },
        { $": OPENROUTER PROCESSING||{Error}", false },
        { "data: {\"type\":\"ping\"}||" + Error, false },
        { "data: {\"type\":\"message_start\",\"message\":{\"content\":[]}}||data: {\"type\":\"ping\"}||" + Error, false },
        { "data: {\"type\":\"response.created\",\"response\":{}}||data: {\"type\":\"response.in_progress\",\"response\":{}}||" + Error, false },
        { "data: {\"id\":\"x\",\"object\":\"chat.completion.chunk\"}||" + Error, false },
        { Error + "||data: [DONE]", false },
        { "data: {|data: \"error\":{}}", false },
        { Text, true },
        { $"{Text}||{Error}", true },
        { "data: {\"type\":\"content_block_delta\",\"delta\":{\"text\":\"x\"}}||" + Error, true },
        { "data: not JSON||" + Error, true },
        { "data: {\"choices\":[||" + Error, true },
    };

    public static TheoryData<string, bool> Bodies => new()
    {
        { """{"error":{"code":502}}""", false },
        { """{"id":"x","error":{"code":502},"choices":null}""", false },
        { """{"error":{"data":1,"output":2},"user_id":"u"}""", false },
        { """{"type":"error","error":{"type":"api_error"},"request_id":null}""", false },
        { """{"error":{"code":502},"choices":[]}""", true },
        { """{"output":[],"error":null}""", true },
        { """{"content":[{"text":"x"}]}""", true },
        { """{"data":[{"embedding":[]}]}""", true },
    };

    [Theory]
    [MemberData(nameof(Streams))]
    public void Stream_TellsContentFromErrors(string events, bool expected)
    {
        var bytes = Encoding.UTF8.GetBytes(events.Replace('|', '\n') + "\n\n");
        foreach (var size in new[] { bytes.Length, 1, 3, 20 })
        {
            var reader = new UsageReader(isEventStream: true);
            UsageCases.Read(reader, bytes.Chunk(size));
            Assert.True(reader.HasContent == expected, $"in pieces of {size}: {reader.HasContent}");
        }
    }

    [Theory]
    [MemberData(nameof(Bodies))]
    public void Body_TellsContentFromErrors(string body, bool expected)
    {
        var bytes = Encoding.UTF8.GetBytes(body);
        foreach (var size in new[] { bytes.Length, 1, 3 })
        {
            var reader = new UsageReader(isEventStream: false);
            UsageCases.Read(reader, bytes.Chunk(size));
            Assert.Equal(expected, reader.HasContent);
        }
    }

    [Theory]
    [InlineData(100, 1)]
    [InlineData(1000, 1)]
    [InlineData(10, 80)]
    [InlineData(1, 400)]
    public void PassedTokens_AreAboutThoseOfTheText(int events, int tokensPerEvent)
    {
        var text = new string('a', tokensPerEvent * 4);
        var stream = string.Concat(Enumerable.Repeat(
            $$$"""
            data: {"id":"gen-1767225600-aB3aB3aB3aB3aB3aB3","provider":"OpenAI","model":"openai/gpt-4o-mini","object":"chat.completion.chunk","created":1767225600,"choices":[{"index":0,"delta":{"role":"assistant","content":"{{{text}}}"},"finish_reason":null,"native_finish_reason":null,"logprobs":null}]}


            """,
            events));
        var first = stream.Replace(text, "", StringComparison.Ordinal)[..(stream.Replace(text, "", StringComparison.Ordinal).Length / events)];
        foreach (var size in new[] { stream.Length, 50 })
        {
            var reader = new UsageReader(isEventStream: true);
            UsageCases.Read(reader, Encoding.UTF8.GetBytes((events > 1 ? first : "") + stream).Chunk(size));
            var tokens = (double)events * tokensPerEvent;
            Assert.InRange(reader.PassedTokens, tokens * 0.7, (tokens * 1.6) + 10);
        }
    }

    /// <summary>A stream that has text from its first event on, in pieces of one length: no event is all frame.</summary>
    [Theory]
    [InlineData("""{"choices":[{"index":0,"delta":{"role":"assistant","content":"#"},"finish_reason":null}]}""", 25)]
    [InlineData("""{"choices":[{"index":0,"delta":{"role":"assistant","content":"#"},"finish_reason":null}]}""", 1)]
    [InlineData("""{"id":"gen-1","choices":[{"index":0,"text":"#","finish_reason":null}],"system_fingerprint":"fp_0123456789"}""", 50)]
    [InlineData("""{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"#"}}""", 25)]
    [InlineData("""{"type":"response.output_text.delta","item_id":"msg_01234567890123456789","delta":"#"}""", 25)]
    public void PassedTokens_OfEqualEvents_AreAboutThoseOfTheText(string data, int tokensPerEvent)
    {
        var line = Encoding.UTF8.GetBytes($"data: {data.Replace("#", new string('a', tokensPerEvent * 4), StringComparison.Ordinal)}\n\n");
        var reader = new UsageReader(isEventStream: true);
        UsageCases.Read(reader, Enumerable.Repeat(line, 40));

        var tokens = 40 * tokensPerEvent;
        Assert.InRange(reader.PassedTokens, tokens * 0.9, (tokens * 1.2) + 40);
    }

    [Theory]
    [InlineData("""{"delta":"aaaa", broken}""")]
    [InlineData("""{"delta":"aaaa","\ud83d":1}""")]
    [InlineData("""{"\udc00x":1,"delta":"aaaa"}""")]
    [InlineData("""{"delta":{"ro\ud800":"aaaa","content":"aaaa"}}""")]
    [InlineData("""{"te\udfff":"x","text":"aaaa"}""")]
    [InlineData("""{"text":"\ud83d"}""")]
    public void FirstEventThatIsDamaged_IsEstimated(string data)
    {
        var reader = new UsageReader(isEventStream: true);
        UsageCases.Read(reader, Encoding.UTF8.GetBytes($"data: {data}\n\n"));

        Assert.InRange(reader.PassedTokens, 1, 10);
    }

    [Theory]
    [InlineData("chat.sse", false)]
    [InlineData("chat-usage-with-reason.sse", false)]
    [InlineData("completions.sse", false)]
    [InlineData("messages.sse", false)]
    [InlineData("messages-unnamed.sse", false)]
    [InlineData("responses.sse", false)]
    [InlineData("responses-unnamed.sse", false)]
    [InlineData("responses-incomplete.sse", false)]
    [InlineData("images.sse", false)]
    [InlineData("data: {\"choices\":[],\"usage\":{\"cost\":1}}||data: {\"choices\":[{\"delta\":{\"content\":\"x\"}}]}||data: [DONE]", true)]
    [InlineData("data: {\"choices\":[{\"text\":\"x\"}],\"usage\":{\"cost\":1}}||data: {\"choices\":[{\"text\":\"y\"}]}||data: [DONE]", true)]
    [InlineData("data: {\"choices\":[{\"delta\":{\"content\":\"x\"}}],\"usage\":{\"cost\":1}}||data: [DONE]", false)]
    [InlineData("data: {\"usage\":{\"cost\":1}}||data: {\"type\":\"response.completed\",\"response\":{\"usage\":null}}", true)]
    [InlineData("data: {\"usage\":{\"cost\":1}}||data: {\"response\":{\"usage\":null},\"type\":\"response.incomplete\"}", true)]
    [InlineData("data: {\"usage\":{\"cost\":1}}||data: {\"type\":\"response.failed\",\"response\":{\"usage\":null}}", true)]
    [InlineData("data: {\"usage\":{\"cost\":1}}||data: {\"type\":\"response.completed\",\"response\":{\"usage\":{\"cost\":2}}}", false)]
    [InlineData("data: {\"type\":\"message_delta\",\"usage\":{\"cost\":1}}||data: {\"type\":\"message_stop\"}", false)]
    [InlineData("data: {\"usage\":{\"cost\":1}}||event: response.completed|data: {\"response\":{\"id\":\"g\"}}", true)]
    [InlineData("data: {\"usage\":{\"cost\":1}}||data: {\"response\":{\"id\":\"g\"}}|event: response.completed", true)]
    [InlineData("data: {\"usage\":{\"cost\":1}}||event: error|data: {}||data: [DONE]", true)]
    [InlineData("data: {\"usage\":{\"cost\":1}}||data: {\"error\":{\"code\":502}}||data: [DONE]", true)]
    [InlineData("data: {\"usage\":{\"cost\":1}}||data: {\"type\":\"response.output_item.added\"}||data: [DONE]", true)]
    [InlineData("data: {\"usage\":{\"cost\":1}}||data: {\"type\":\"image_generation.completed\",\"b64_json\":\"x\"}||data: [DONE]", true)]
    [InlineData("data: {\"usage\":{\"cost\":1}}||data: {\"choices\":[{\"index\":0}]}||data: [DONE]", true)]
    [InlineData("data: {\"usage\":{\"cost\":1}}||data: {\"choices\":[],\"usage\":null}||data: [DONE]", false)]
    [InlineData("data: {\"usage\":{\"cost\":1}}||event: ping|data: {\"type\":\"ping\"}||data: [DONE]", false)]
    public void CostThatIsNotTheLastWord_IsInterim(string answer, bool expected)
    {
        var bytes = answer.EndsWith(".sse", StringComparison.Ordinal)
            ? UsageCases.Answer(answer)
            : Encoding.UTF8.GetBytes(answer.Replace('|', '\n') + "\n\n");
        foreach (var size in new[] { bytes.Length, 1, 50 })
        {
            var reader = new UsageReader(isEventStream: true);
            foreach (var piece in bytes.Chunk(size))
            {
                reader.Read(piece);
                Assert.False(reader.IsComplete && reader.IsCostInterim != expected, $"in pieces of {size}");
            }

            Assert.True(reader.IsComplete);
        }
    }

    /// <summary>A cost that cannot be read is unknown; the cost of an earlier event is not that of the response.</summary>
    [Theory]
    [InlineData("null")]
    [InlineData("\"n/a\"")]
    [InlineData("-1")]
    [InlineData("0.5,\"cost\":null")]
    public void LastCostThatCannotBeRead_IsUnknown(string cost)
    {
        var stream = $"data: {{\"id\":\"g\",\"usage\":{{\"cost\":1}}}}\n\ndata: {{\"usage\":{{\"completion_tokens\":9,\"cost\":{cost}}}}}\n\ndata: [DONE]\n\n";
        foreach (var size in new[] { stream.Length, 1, 50 })
        {
            var facts = UsageCases.Read(new UsageReader(isEventStream: true), Encoding.UTF8.GetBytes(stream).Chunk(size));

            Assert.Equal((true, 9L, null), (facts.IsComplete, facts.Usage?.CompletionTokens, facts.Usage?.Cost));
        }
    }

    [Fact]
    public void BillThatIsRepeatedAsNull_IsNone()
    {
        var facts = UsageCases.Read(new UsageReader(isEventStream: false), "{\"id\":\"g\",\"usage\":{\"cost\":0.5},\"usage\":null}"u8.ToArray());

        Assert.Null(facts.Usage);
    }

    /// <summary>The provider's amount belongs to the cost that is told with it.</summary>
    [Fact]
    public void ProvidersCostOfAnEarlierEvent_IsNotPartOfTheBill()
    {
        const string Stream = "data: {\"usage\":{\"is_byok\":true,\"cost_details\":{\"upstream_inference_cost\":0.3}}}\n\n"
            + "data: {\"usage\":{\"cost\":0.1,\"cost_details\":{\"upstream_inference_cost\":0.1}}}\n\ndata: [DONE]\n\n";

        var usage = UsageCases.Read(new UsageReader(isEventStream: true), Encoding.UTF8.GetBytes(Stream)).Usage;

        Assert.Equal((new PicoDollars(100_000_000_000), null), (usage?.Cost, usage?.UpstreamCost));
    }

    [Theory]
    [InlineData("\"is_byok\":true,\"cost_details\":{\"upstream_inference_cost\":0.25}", 250_000_000_000L)]
    [InlineData("\"cost_details\":{\"upstream_inference_cost\":0.25},\"is_byok\":true", 250_000_000_000L)]
    [InlineData("\"is_byok\":false,\"cost_details\":{\"upstream_inference_cost\":0.25}", null)]
    [InlineData("\"cost_details\":{\"upstream_inference_cost\":0.25}", null)]
    [InlineData("\"is_byok\":\"true\",\"cost_details\":{\"upstream_inference_cost\":0.25}", null)]
    [InlineData("\"is_byok\":true,\"cost_details\":{\"upstream_inference_cost\":null}", null)]
    [InlineData("\"is_byok\":true,\"cost_details\":{\"upstream_inference_cost\":-1}", null)]
    public void ProvidersOwnAmount_IsReadWithByokOnly(string members, long? pico)
    {
        var bytes = Encoding.UTF8.GetBytes($"{{\"usage\":{{\"cost\":0.5,{members}}}}}");
        foreach (var size in new[] { bytes.Length, 1 })
        {
            var facts = UsageCases.Read(new UsageReader(isEventStream: false), bytes.Chunk(size));
            Assert.Equal((500_000_000_000L, pico), ((long)facts.Usage!.Cost!.Value.Value, (long?)facts.Usage.UpstreamCost?.Value));
        }
    }

    [Theory]
    [InlineData("""{"type":"response.output_text.done","text":"#"}""")]
    [InlineData("""{"type":"response.created","response":{"instructions":"#","text":{"format":{"type":"text"}}}}""")]
    [InlineData("""{"type":"response.in_progress","response":{"instructions":"#","text":{"format":{"type":"text"}}}}""")]
    [InlineData("""{"type":"response.failed","response":{"instructions":"#","text":{"format":{"type":"text"}}}}""")]
    [InlineData("""{"type":"image_generation.partial_image","b64_json":"#"}""")]
    [InlineData("""{"type":"response.image_generation_call.partial_image","partial_image_b64":"#"}""")]
    [InlineData("""{"type":"message_start","message":{"content":"#"}}""")]
    public void BytesThatAreNoPieceOfTheText_CountNothing(string data)
    {
        var bytes = Encoding.UTF8.GetBytes($"data: {data.Replace("#", new string('a', 200_000), StringComparison.Ordinal)}\n\n");
        foreach (var size in new[] { bytes.Length, 65_536, 4_096, 50 })
        {
            var reader = new UsageReader(isEventStream: true);
            UsageCases.Read(reader, bytes.Chunk(size));

            Assert.True(reader.PassedTokens == 0, $"{reader.PassedTokens} tokens in pieces of {size}");
        }
    }

    [Theory]
    [InlineData("""{"choices":[{"index":0,"delta":{"content":"#"}}]}""")]
    [InlineData("""{"choices":[{"index":0,"text":"#"}]}""")]
    [InlineData("""{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"#"}}""")]
    [InlineData("""{"type":"response.output_text.delta","delta":"#"}""")]
    public void PieceOfTheText_CountsTheSameHoweverItArrives(string data)
    {
        var bytes = Encoding.UTF8.GetBytes($"data: {data.Replace("#", new string('a', 100_000), StringComparison.Ordinal)}\n\n");
        foreach (var size in new[] { bytes.Length, 65_536, 50 })
        {
            var reader = new UsageReader(isEventStream: true);
            UsageCases.Read(reader, bytes.Chunk(size));

            Assert.InRange(reader.PassedTokens, 24_900, 25_100);
        }
    }
}
