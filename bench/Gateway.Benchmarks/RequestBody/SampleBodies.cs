using System.Buffers.Text;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Gateway.Benchmarks.RequestBody;

/// <summary>Request bodies in the shape of the OpenAI clients (messages first, then the model), the same in every run.</summary>
internal static class SampleBodies
{
    private const string Model = "openai/gpt-4o-mini";

    private static readonly string[] Words =
        "the model answers a question about code in a long talk with \"quotes\", lines\nand some café".Split(' ');

    // Unescaped UTF-8 and no \u003C for a <, like the encoders of the clients.
    private static readonly JsonWriterOptions AsClientsWrite = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>A chat of two messages, about 1 KB.</summary>
    public static byte[] Chat()
    {
        var text = new Text();
        return Write(json =>
        {
            json.WriteStartArray("messages");
            WriteMessage(json, "system", text.Next(200));
            WriteMessage(json, "user", text.Next(580));
            json.WriteEndArray();
            json.WriteString("model", Model);
            json.WriteNumber("max_tokens", 256);
            json.WriteNumber("temperature", 0.7);
        });
    }

    /// <summary>A long conversation with twelve tools, about 100 KB.</summary>
    public static byte[] Conversation()
    {
        var text = new Text();
        return Write(json =>
        {
            json.WriteStartArray("messages");
            WriteMessage(json, "system", text.Next(2000));
            for (var i = 0; i < 47; i++)
            {
                WriteMessage(json, "user", text.Next(400));
                WriteMessage(json, "assistant", text.Next(1500));
            }

            json.WriteEndArray();
            json.WriteString("model", Model);
            json.WriteStartArray("tools");
            for (var i = 0; i < 12; i++)
            {
                WriteTool(json, i, text.Next(120));
            }

            json.WriteEndArray();
            json.WriteString("tool_choice", "auto");
            json.WriteNumber("max_tokens", 1024);
        });
    }

    /// <summary>One image of 3.75 MB in base64, about 5 MB.</summary>
    public static byte[] Image()
    {
        var text = new Text();
        var image = new byte[3_750_000];
        for (var i = 0; i < image.Length; i++)
        {
            image[i] = (byte)text.Draw(256);
        }

        var encoded = new byte[Base64.GetMaxEncodedToUtf8Length(image.Length)];
        Base64.EncodeToUtf8(image, encoded, out _, out _);
        return Write(json =>
        {
            json.WriteStartArray("messages");
            json.WriteStartObject();
            json.WriteString("role", "user");
            json.WriteStartArray("content");
            json.WriteStartObject();
            json.WriteString("type", "image_url");
            json.WriteStartObject("image_url");
            json.WriteString("url", "data:image/jpeg;base64," + Encoding.ASCII.GetString(encoded));
            json.WriteEndObject();
            json.WriteEndObject();
            json.WriteEndArray();
            json.WriteEndObject();
            json.WriteEndArray();
            json.WriteString("model", Model);
            json.WriteNumber("max_tokens", 300);
        });
    }

    private static byte[] Write(Action<Utf8JsonWriter> members)
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream, AsClientsWrite))
        {
            json.WriteStartObject();
            members(json);
            json.WriteEndObject();
        }

        return stream.ToArray();
    }

    private static void WriteMessage(Utf8JsonWriter json, string role, string content)
    {
        json.WriteStartObject();
        json.WriteString("role", role);
        json.WriteString("content", content);
        json.WriteEndObject();
    }

    private static void WriteTool(Utf8JsonWriter json, int number, string description)
    {
        json.WriteStartObject();
        json.WriteString("type", "function");
        json.WriteStartObject("function");
        json.WriteString("name", $"tool_{number}");
        json.WriteString("description", description);
        json.WriteStartObject("parameters");
        json.WriteString("type", "object");
        json.WriteStartObject("properties");
        foreach (var (name, type) in new[] { ("a", "string"), ("b", "integer") })
        {
            json.WriteStartObject(name);
            json.WriteString("type", type);
            json.WriteEndObject();
        }

        json.WriteEndObject();
        json.WriteStartArray("required");
        json.WriteStringValue("a");
        json.WriteEndArray();
        json.WriteEndObject();
        json.WriteEndObject();
        json.WriteEndObject();
    }

    /// <summary>
    /// Words from a fixed seed. A linear congruential generator gives the same words in every run, so figures can be compared.
    /// </summary>
    private sealed class Text
    {
        private uint _state = 7;

        public int Draw(int exclusiveMax)
        {
            _state = (_state * 1664525) + 1013904223;
            return (int)((_state >> 8) % (uint)exclusiveMax);
        }

        public string Next(int length)
        {
            var text = new StringBuilder();
            while (text.Length < length)
            {
                text.Append(Words[Draw(Words.Length)]).Append(' ');
            }

            return text.ToString(0, length);
        }
    }
}
