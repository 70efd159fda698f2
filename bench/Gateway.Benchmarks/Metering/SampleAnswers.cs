using System.Globalization;
using System.Text;

namespace Gateway.Benchmarks.Metering;

/// <summary>Responses in upstream's shapes, the same in every run.</summary>
internal static class SampleAnswers
{
    private const int BodyLength = 5_000_000;
    private const int Dimensions = 1536;

    /// <summary>An event with a piece of text and without usage.</summary>
    public static byte[] TextEvent(UsageReaderBenchmarks.Dialect dialect)
    {
        var text = dialect switch
        {
            UsageReaderBenchmarks.Dialect.Chat =>
                """
                data: {"id":"gen-1767225600-abcdefghij","provider":"OpenAI","model":"openai/gpt-4o-mini","object":"chat.completion.chunk",
                "created":1767225600,"choices":[{"index":0,"delta":{"role":"assistant","content":"token "},"finish_reason":null,
                "native_finish_reason":null,"logprobs":null}]}
                """,
            UsageReaderBenchmarks.Dialect.Responses =>
                """
                event: response.output_text.delta|data: {"type":"response.output_text.delta","sequence_number":44,
                "item_id":"msg-gen-1767225600","output_index":0,"content_index":0,"delta":"token ","logprobs":[]}
                """,
            _ =>
                """
                event: content_block_delta|data: {"type":"content_block_delta","index":0,
                "delta":{"type":"text_delta","text":"token "}}
                """,
        };
        return Encoding.UTF8.GetBytes(text.ReplaceLineEndings("").Replace('|', '\n') + "\n\n");
    }

    /// <summary>A body of about 5 MB with its usage at the end.</summary>
    public static byte[] Body(UsageReaderBodyBenchmarks.Sample sample)
    {
        var text = new StringBuilder(BodyLength + 100_000);
        switch (sample)
        {
            case UsageReaderBodyBenchmarks.Sample.Text5M:
                text.Append("{\"choices\":[{\"finish_reason\":\"stop\",\"message\":{\"content\":\"");
                while (text.Length < BodyLength)
                {
                    text.Append("some words of a text in lines,\\nwith \\\"quotes\\\" now and then, as a model writes them ");
                }

                text.Append("\"}}]");
                break;
            case UsageReaderBodyBenchmarks.Sample.Embeddings5M:
                text.Append("{\"object\":\"list\",\"data\":[{}");
                for (var i = 0; text.Length < BodyLength; i++)
                {
                    text.Append(CultureInfo.InvariantCulture, $",{{\"object\":\"embedding\",\"index\":{i},\"embedding\":[0");
                    for (var k = 1; k < Dimensions; k++)
                    {
                        text.Append(",-0.01234567");
                    }

                    text.Append("]}");
                }

                text.Append(']');
                break;
            default:
                text.Append("{\"created\":1767225600,\"data\":[{\"b64_json\":\"").Append('A', BodyLength).Append("\"}]");
                break;
        }

        return Encoding.UTF8.GetBytes(text.Append(",\"usage\":{\"total_tokens\":1234,\"cost\":0.00014}}").ToString());
    }
}
