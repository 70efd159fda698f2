using System.Buffers;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace HopBenchmark;

/// <summary>
/// The request bodies, the same in every run. Members are in the order of openai-python, messages first, so the whole body must be read
/// before its model is known.
/// </summary>
internal sealed class RequestBodies
{
    private const string Model = "openai/gpt-4o-mini";

    // About every 30 bytes there is a character that JSON escapes or that is not ASCII, as in conversations about code.
    private static readonly string[] Words =
    [
        "the", "gateway", "reads", "a", "request", "once;", "var", "name", "=", "\"value\";", "then", "it", "looks", "up",
        "which", "provider", "serves", "that", "model.\n", "Größe", "path\\file", "return", "x", "+", "1;\n", "and", "so", "on,",
    ];

    // SplitMix64: the generator of .NET promises no sequence across versions.
    private ulong _state = 20261123;

    private readonly Lazy<byte[]> _image5;
    private readonly Lazy<byte[]> _image20;
    private readonly Lazy<byte[]> _image50;

    public RequestBodies()
    {
        Action<Utf8JsonWriter> writeChat = json =>
        {
            WriteMessage(json, "system", Text(200));
            WriteMessage(json, "user", Text(560));
        };
        Chat = Render(writeChat);
        Conversation = Render(json =>
        {
            WriteMessage(json, "system", Text(2_000));
            for (var turn = 0; turn < 46; turn++)
            {
                WriteMessage(json, "user", Text(400));
                WriteMessage(json, "assistant", Text(1_500));
            }
        });
        StreamedChat = Render(writeChat, streams: true);
        _image5 = new(() => WithImage(5_000_000));
        _image20 = new(() => WithImage(20_000_000));
        _image50 = new(() => WithImage(50_000_000));
    }

    /// <summary>A short chat, 1 KB.</summary>
    public byte[] Chat { get; }

    /// <summary>A short chat with an event stream as the response.</summary>
    public byte[] StreamedChat { get; }

    /// <summary>A long conversation, 100 KB.</summary>
    public byte[] Conversation { get; }

    /// <summary>An image of 5 MB in base64.</summary>
    public byte[] Image5 => _image5.Value;

    /// <summary>An image of 20 MB in base64.</summary>
    public byte[] Image20 => _image20.Value;

    /// <summary>An image of 50 MB in base64.</summary>
    public byte[] Image50 => _image50.Value;

    private byte[] WithImage(int length)
    {
        var image = new byte[length / 4 * 3];
        for (var i = 0; i + 8 <= image.Length; i += 8)
        {
            BitConverter.TryWriteBytes(image.AsSpan(i), Next());
        }

        var url = "data:image/jpeg;base64," + Convert.ToBase64String(image);
        return Render(json =>
        {
            json.WriteStartObject();
            json.WriteString("role", "user");
            json.WriteStartArray("content");
            json.WriteStartObject();
            json.WriteString("type", "text");
            json.WriteString("text", "What is in this image?");
            json.WriteEndObject();
            json.WriteStartObject();
            json.WriteString("type", "image_url");
            json.WriteStartObject("image_url");
            json.WriteString("url", url);
            json.WriteEndObject();
            json.WriteEndObject();
            json.WriteEndArray();
            json.WriteEndObject();
        });
    }

    private static byte[] Render(Action<Utf8JsonWriter> writeMessages, bool streams = false)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using var json = new Utf8JsonWriter(buffer, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping });
        json.WriteStartObject();
        json.WriteStartArray("messages");
        writeMessages(json);
        json.WriteEndArray();
        json.WriteString("model", Model);
        json.WriteNumber("max_tokens", 512);
        json.WriteNumber("temperature", 0.7);
        if (streams)
        {
            json.WriteBoolean("stream", true);
        }

        json.WriteEndObject();
        json.Flush();
        return buffer.WrittenSpan.ToArray();
    }

    private static void WriteMessage(Utf8JsonWriter json, string role, string content)
    {
        json.WriteStartObject();
        json.WriteString("role", role);
        json.WriteString("content", content);
        json.WriteEndObject();
    }

    private string Text(int length)
    {
        var text = new StringBuilder(length + 16);
        while (text.Length < length)
        {
            text.Append(Words[(int)(Next() % (ulong)Words.Length)]).Append(' ');
        }

        return text.ToString();
    }

    private ulong Next()
    {
        _state += 0x9E3779B97F4A7C15;
        var z = _state;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }
}
