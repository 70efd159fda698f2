using System.IO.Compression;
using System.Text;

namespace Soak;

/// <summary>What came back for a request.</summary>
/// <param name="Status">The status; 0 when not even a head came.</param>
/// <param name="Headers">The headers, by names without case.</param>
/// <param name="Body">The body as far as it came, without its framing.</param>
/// <param name="IsComplete">Whether it came to the end that its framing promised.</param>
internal sealed record Answer(int Status, IReadOnlyDictionary<string, string> Headers, byte[] Body, bool IsComplete)
{
    public static Answer None { get; } = new(0, new Dictionary<string, string>(), [], IsComplete: false);

    /// <summary>Whether the gateway itself has made this error.</summary>
    public bool IsOfGateway => Headers.ContainsKey("x-gateway-error");

    /// <summary>Whether the connection takes another request.</summary>
    public bool KeepsConnection =>
        IsComplete && !(Header("Connection") ?? "").Contains("close", StringComparison.OrdinalIgnoreCase);

    /// <summary>The body as text, decompressed where need be.</summary>
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

    /// <summary>For messages: the status, the size, whether it was whole, and its end.</summary>
    public string Describe()
    {
        const int Most = 200;
        var end = Encoding.UTF8.GetString(Body.AsSpan(Math.Max(0, Body.Length - Most)));
        return Status == 0 ? "no answer" : $"{Status}, {Body.Length} bytes, {(IsComplete ? "whole" : "broken off")}, …{end}";
    }
}
