using System.IO.Compression;
using System.Text;
using System.Text.Json;
using Gateway.Metering;
using Gateway.Primitives;

namespace Gateway.Upstream;

/// <summary>
/// Recognises upstream's errors about the gateway's own key, which a team's client can do nothing about: a 401 that names no provider, and a
/// 402 that a smaller request would not cure.
/// </summary>
internal static class RejectedKey
{
    /// <summary>Whether an error with a status may be about the key.</summary>
    public static bool IsPossible(int status) => status is StatusCodes.Status401Unauthorized or StatusCodes.Status402PaymentRequired;

    /// <summary>Whether an error is about the key.</summary>
    /// <param name="status">Its status.</param>
    /// <param name="body">Its body, without an encoding.</param>
    public static bool Is(int status, ReadOnlyMemory<byte> body)
    {
        body = DataOf(body);
        try
        {
            using var document = JsonDocument.Parse(body);
            return ErrorOf(document.RootElement) is not { } error
                || !(status == StatusCodes.Status401Unauthorized ? NamesProvider(error) : SaysWhatIsLeft(error));
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            // A page of an intermediary, nothing, or the beginning of an error, which may say enough. A text that is no UTF-8 is found when
            // it is read.
            var text = Encoding.UTF8.GetString(body.Span);
            return !(status == StatusCodes.Status401Unauthorized ? text.Contains("\"provider_name\"", StringComparison.Ordinal) : SaysWhatIsLeft(text));
        }
    }

    /// <summary>Decodes the beginning of a body. Returns nothing if it has another encoding than it says.</summary>
    public static async ValueTask<ReadOnlyMemory<byte>> DecodeAsync(ReadOnlyMemory<byte> body, ICollection<string> encodings)
    {
        var encoding = ResponseReaders.EncodingOf(encodings);
        if (encoding == ResponseEncoding.None)
        {
            return body;
        }

        var encoded = new MemoryStream(body.ToArray());
        await using Stream? decoder = encoding switch
        {
            ResponseEncoding.Gzip => new GZipStream(encoded, CompressionMode.Decompress),
            ResponseEncoding.Brotli => new BrotliStream(encoded, CompressionMode.Decompress),
            ResponseEncoding.Deflate => new ZLibStream(encoded, CompressionMode.Decompress),
            _ => null,
        };
        var decoded = new byte[HeldStream.MaxSize];
        try
        {
            return decoder is null ? default : decoded.AsMemory(0, await decoder.ReadAtLeastAsync(decoded, decoded.Length, throwOnEndOfStream: false));
        }
        catch (Exception exception) when (exception is InvalidDataException or InvalidOperationException or IOException)
        {
            return default;
        }
    }

    /// <summary>The document of a body: without blanks and a byte order mark before it, and the data of its first event if it is a stream.</summary>
    private static ReadOnlyMemory<byte> DataOf(ReadOnlyMemory<byte> body)
    {
        body = body.Span.StartsWith(Encoding.UTF8.Preamble) ? body[Encoding.UTF8.Preamble.Length..] : body;
        var rest = body.TrimStart(" \t\r\n"u8);
        while (!rest.IsEmpty && rest.Span[0] is not ((byte)'{' or (byte)'['))
        {
            var end = rest.Span.IndexOfAny((byte)'\r', (byte)'\n');
            var line = end < 0 ? rest : rest[..end];
            if (line.Span.StartsWith("data:"u8))
            {
                return line["data:".Length..].TrimStart((byte)' ');
            }

            rest = end < 0 ? default : rest[(end + 1)..].TrimStart("\r\n"u8);
        }

        return rest.IsEmpty ? body : rest;
    }

    /// <summary>
    /// The error of a body: its <c>error</c>, that of the <c>response</c> in an event <c>response.failed</c>, or an event <c>error</c> itself.
    /// </summary>
    private static JsonElement? ErrorOf(JsonElement root) =>
        JsonMembers.TryGet(root, "error"u8, out var error) && error.ValueKind == JsonValueKind.Object ? error
        : JsonMembers.TryGet(root, "response"u8, out var response)
            && JsonMembers.TryGet(response, "error"u8, out error) && error.ValueKind == JsonValueKind.Object ? error
        : JsonMembers.TryGet(root, "type"u8, out var type) && JsonMembers.Text(type) == "error" ? root
        : null;

    private static bool NamesProvider(JsonElement error) =>
        JsonMembers.TryGet(error, "metadata"u8, out var metadata)
        && JsonMembers.TryGet(metadata, "provider_name"u8, out var provider)
        && provider.ValueKind == JsonValueKind.String
        && JsonMembers.Text(provider) != "";

    /// <summary>Whether the message says how large a request may be: "…but can only afford 512", "Prompt tokens limit exceeded: 5000 > 1200".</summary>
    private static bool SaysWhatIsLeft(JsonElement error) =>
        JsonMembers.TryGet(error, "message"u8, out var message)
        && message.ValueKind == JsonValueKind.String

        // The raw text: a message that quotes a prompt may have been cut inside a surrogate pair, and cannot be decoded then.
        && SaysWhatIsLeft(message.GetRawText());

    private static bool SaysWhatIsLeft(string text) =>
        text.Contains("afford", StringComparison.OrdinalIgnoreCase) || text.Contains("tokens limit exceeded", StringComparison.OrdinalIgnoreCase);
}
