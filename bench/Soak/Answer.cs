using System.IO.Compression;
using System.Text;

namespace Soak;

/// <summary>A response.</summary>
/// <param name="Status">The status; 0 if no head arrived.</param>
/// <param name="Headers">The headers; names are case-insensitive.</param>
/// <param name="Body">The received part of the body, without its framing.</param>
/// <param name="IsComplete">Whether the response is complete by its framing.</param>
internal sealed record Answer(int Status, IReadOnlyDictionary<string, string> Headers, byte[] Body, bool IsComplete)
{
    public static Answer None { get; } = new(0, new Dictionary<string, string>(), [], IsComplete: false);

    /// <summary>Whether the gateway created this error.</summary>
    public bool IsOfGateway => Headers.ContainsKey("x-gateway-error");

    /// <summary>Whether the connection can be used for another request.</summary>
    public bool KeepsConnection =>
        IsComplete && !(Header("Connection") ?? "").Contains("close", StringComparison.OrdinalIgnoreCase);

    /// <summary>The body as text, decompressed if necessary.</summary>
    public string Text
    {
        get
        {
            if (Header("Content-Encoding") != "gzip")
            {
                return Encoding.UTF8.GetString(Body);
            }

            using var packed = new MemoryStream(Body);
            using var gzip = new GZipStream(packed, CompressionMode.Decompress);
            using var reader = new StreamReader(gzip);
            return reader.ReadToEnd();
        }
    }

    public string? Header(string name) => Headers.GetValueOrDefault(name);

    /// <summary>Describes the response for messages: its status, size, completeness and end.</summary>
    public string Describe()
    {
        const int Most = 200;
        var end = Encoding.UTF8.GetString(Body.AsSpan(Math.Max(0, Body.Length - Most)));
        return Status == 0 ? "no answer" : $"{Status}, {Body.Length} bytes, {(IsComplete ? "whole" : "broken off")}, …{end}";
    }
}
