using System.Globalization;
using System.Text;

namespace Gateway.Tests.Support;

/// <summary>The head of an HTTP/1.1 answer as it came over the wire.</summary>
internal sealed record RawResponse(int Status, string StatusLine, IReadOnlyList<KeyValuePair<string, string>> Headers)
{
    public bool IsChunked => HeaderValues("Transfer-Encoding").Any(value => value.Contains("chunked", StringComparison.OrdinalIgnoreCase));

    public long? ContentLength => Header("Content-Length") is { } text ? long.Parse(text, CultureInfo.InvariantCulture) : null;

    /// <summary>All values of a header in order; empty without one.</summary>
    public IReadOnlyList<string> HeaderValues(string name)
    {
        return [.. Headers.Where(header => header.Key.Equals(name, StringComparison.OrdinalIgnoreCase)).Select(header => header.Value)];
    }

    /// <summary>The value of a header that may stand once at most; <see langword="null"/> without one.</summary>
    public string? Header(string name) => HeaderValues(name).SingleOrDefault();

    /// <summary>Reads a head, from the status line to the empty line.</summary>
    public static RawResponse Parse(ReadOnlySpan<byte> head)
    {
        var lines = Encoding.Latin1.GetString(head).Split("\r\n", StringSplitOptions.RemoveEmptyEntries);
        var headers = lines.Skip(1).Select(line => line.Split(':', 2)).Select(
            pair => KeyValuePair.Create(pair[0], pair[1].Trim())).ToList();
        return new RawResponse(int.Parse(lines[0].Split(' ')[1], CultureInfo.InvariantCulture), lines[0], headers);
    }
}
