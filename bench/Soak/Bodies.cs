using System.Globalization;
using System.Text;

namespace Soak;

/// <summary>Request bodies, with <c>messages</c> before <c>model</c> like openai-python, so that the whole body is scanned.</summary>
internal static class Bodies
{
    public const string Model = "openai/gpt-4o-mini";

    private const string EmbeddingModel = "openai/text-embedding-3-small";
    private const int Megabyte = 1_000_000;

    // Every few words there is a character that JSON escapes or that is not ASCII.
    private static readonly string[] Words =
    [
        "the", "gateway", "reads", "a", "request", "once;", "var", "name", "=", "\\\"value\\\";", "then", "it", "looks", "up",
        "which", "provider", "serves", "that", "model.\\n", "Größe", "path\\\\file", "return", "x", "+", "1;\\n", "and", "so", "on,",
    ];

    private static readonly string[] Bad =
    [
        "", "{", "[]", "null", "{\"model\":\"m\"} x", "{\"model\":\"m\",}", "{'model':'m'}", "{\"model\":\"m", "{\"a\":01}", "{\"a\":tru}",
        "{\"model\":\"m\",\"provider\":1}",
    ];

    public static string Chat(Prng prng, int length, bool stream) =>
        $$"""{"messages":[{"role":"user","content":"{{Text(prng, length)}}"}],"model":"{{Model}}","max_tokens":64{{Streaming(stream)}}}""";

    /// <summary>The path and body of one of four endpoints.</summary>
    public static (string Path, string Body) OfAnyEndpoint(Prng prng) => prng.Below(8) switch
    {
        0 => Embedding(prng),
        1 => OfStream(prng, 1, stream: false),
        2 => OfStream(prng, 2, stream: false),
        _ => OfStream(prng, 0, stream: false),
    };

    public static (string Path, string Body) Embedding(Prng prng) =>
        ("/v1/embeddings", $$"""{"model":"{{EmbeddingModel}}","input":"{{Text(prng, prng.Between(10, 600))}}"}""");

    /// <summary>The path and body of one of the endpoints that stream: chat, responses, messages, completions.</summary>
    public static (string Path, string Body) OfStream(Prng prng, int endpoint, bool stream = true)
    {
        var length = prng.Between(10, 1500);
        return endpoint switch
        {
            0 => ("/v1/chat/completions", Chat(prng, length, stream)),
            1 => (
                "/v1/responses",
                $$"""{"model":"{{Model}}","input":"{{Text(prng, length)}}","max_output_tokens":64{{Streaming(stream)}}}"""),
            2 => (
                "/v1/messages",
                $$"""{"model":"{{Model}}","max_tokens":64,"messages":[{"role":"user","content":"{{Text(prng, length)}}"}]"""
                + Streaming(stream) + "}"),
            3 => (
                "/v1/completions",
                $$"""{"model":"{{Model}}","prompt":"{{Text(prng, length)}}","max_tokens":64{{Streaming(stream)}}}"""),
            _ => throw new ArgumentOutOfRangeException(nameof(endpoint), endpoint, null),
        };
    }

    public static string NoObject(Prng prng) => prng.Pick(Bad);

    /// <summary>A chat with an image of the given number of megabytes.</summary>
    public static byte[] WithImage(Prng prng, int megabytes)
    {
        var head = Encoding.UTF8.GetBytes(
            """{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,""");
        var tail = Encoding.UTF8.GetBytes("\"}}]}],\"model\":\"" + Model + "\",\"max_tokens\":64}");
        var body = new byte[head.Length + (megabytes * Megabyte) + tail.Length];
        head.CopyTo(body, 0);
        tail.CopyTo(body, body.Length - tail.Length);
        var image = body.AsSpan(head.Length, megabytes * Megabyte);
        for (var i = 0; i < image.Length; i += 8)
        {
            var bits = prng.Next();
            for (var j = i; j < Math.Min(i + 8, image.Length); j++, bits >>= 8)
            {
                image[j] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"u8[(int)(bits & 63)];
            }
        }

        return body;
    }

    public static string Number(int number) => number.ToString(CultureInfo.InvariantCulture);

    private static string Streaming(bool stream) => stream ? ",\"stream\":true" : "";

    private static string Text(Prng prng, int length)
    {
        var text = new StringBuilder(length + 16);
        while (text.Length < length)
        {
            text.Append(prng.Pick(Words)).Append(' ');
        }

        return text.ToString();
    }
}
