using System.Globalization;
using System.Text;

namespace FakeOpenRouter;

/// <summary>
/// What a request asks the scripted upstream to do, told by its <c>x-fake-…</c> headers: each is described at its property, and in
/// the README's table.
/// </summary>
internal sealed class FakeScript
{
    /// <summary>No header at all: the ordinary answer.</summary>
    public static FakeScript None { get; } = new();

    /// <summary><c>x-fake-id: abc</c>: the name under which <c>/__requests/abc</c> shows the request.</summary>
    public string? Id { get; private set; }

    /// <summary><c>x-fake-status: 429</c>: the answer's status; without a body of its own it carries OpenRouter's error shape.</summary>
    public int? Status { get; private set; }

    /// <summary><c>x-fake-body: text</c> or <c>x-fake-body-base64: …</c>: the answer's body to the byte.</summary>
    public byte[]? Body { get; private set; }

    /// <summary><c>x-fake-content-type: text/html</c>: the answer's content type.</summary>
    public string? ContentType { get; private set; }

    /// <summary>
    /// <c>x-fake-header: Name: value</c>: a header of the answer, added to those of its name. For more of them the name may have any
    /// ending (<c>x-fake-header-2</c>), since a proxy may join lines of one name.
    /// </summary>
    public List<KeyValuePair<string, string>> Headers { get; } = [];

    /// <summary><c>x-fake-echo: 1</c>: the answer's body is the request's, with its content type.</summary>
    public bool Echo { get; private set; }

    /// <summary><c>x-fake-delay-ms: 500</c>: silence before the answer's headers.</summary>
    public TimeSpan Delay { get; private set; }

    /// <summary><c>x-fake-first-byte-delay-ms: 500</c>: silence between the headers, which are flushed, and the first byte.</summary>
    public TimeSpan FirstByteDelay { get; private set; }

    /// <summary><c>x-fake-early: 1</c>: the answer comes before the body is read, which then is not recorded.</summary>
    public bool Early { get; private set; }

    /// <summary><c>x-fake-close: 1</c>: no answer at all, the connection is closed once the body has arrived.</summary>
    public bool Close { get; private set; }

    /// <summary><c>x-fake-size: 300000</c>: the size of a JSON answer in bytes, or of a stream's text in all.</summary>
    public int Size { get; private set; }

    /// <summary><c>x-fake-gzip: 1</c>: the answer is gzip'd whatever the request accepts.</summary>
    public bool Gzip { get; private set; }

    /// <summary><c>x-fake-whitespace: 5</c>: blanks before a JSON answer, each flushed and followed by a pause.</summary>
    public int Whitespace { get; private set; }

    /// <summary><c>x-fake-whitespace-ms: 100</c>: the pause after each blank; 20 ms by default.</summary>
    public TimeSpan WhitespaceInterval { get; private set; } = TimeSpan.FromMilliseconds(20);

    /// <summary><c>x-fake-chunked: 1</c>: a JSON answer without Content-Length.</summary>
    public bool Chunked { get; private set; }

    /// <summary><c>x-fake-stream: 1</c>: an event stream whatever the body says.</summary>
    public bool Stream { get; private set; }

    /// <summary>
    /// <c>x-fake-events: 20</c>: how many events of text a stream has, besides those that open and close it; 3 by default.
    /// </summary>
    public int Events { get; private set; } = 3;

    /// <summary><c>x-fake-interval-ms: 50</c>: the pause after every event.</summary>
    public TimeSpan Interval { get; private set; }

    /// <summary><c>x-fake-keepalives: 5</c>: how many <c>: OPENROUTER PROCESSING</c> comments open a stream; 1 by default.</summary>
    public int KeepAlives { get; private set; } = 1;

    /// <summary><c>x-fake-keepalive-ms: 100</c>: the pause after each of those comments.</summary>
    public TimeSpan KeepAliveInterval { get; private set; }

    /// <summary>
    /// <c>x-fake-stall-after: 3</c>: after so many events of any kind (or the headers, for 0) silence until the client leaves.
    /// </summary>
    public int? StallAfter { get; private set; }

    /// <summary><c>x-fake-cut-after: 3</c>: after so many events the connection is aborted.</summary>
    public int? CutAfter { get; private set; }

    /// <summary><c>x-fake-cut-at-byte: 100</c>: after so many bytes of the answer's body the connection is aborted.</summary>
    public int? CutAtByte { get; private set; }

    /// <summary><c>x-fake-end-after: 3</c>: after so many events the answer ends as if complete, without its closing events.</summary>
    public int? EndAfter { get; private set; }

    /// <summary><c>x-fake-error-after: 3</c>: after so many events the dialect's own error event, then the end.</summary>
    public int? ErrorAfter { get; private set; }

    /// <summary><c>x-fake-error: 1</c>: status 200 with an error in the JSON body.</summary>
    public bool ErrorInside { get; private set; }

    /// <summary><c>x-fake-split: 7</c>: the body is flushed every so many bytes, wherever that falls.</summary>
    public int Split { get; private set; }

    /// <summary><c>x-fake-split-ms: 1</c>: the pause after each of those pieces.</summary>
    public TimeSpan SplitInterval { get; private set; }

    /// <summary>Reads lines of the form <c>x-fake-name: value</c>.</summary>
    public static FakeScript Parse(IEnumerable<string> lines)
    {
        var script = new FakeScript();
        foreach (var line in lines)
        {
            var colon = line.IndexOf(':', StringComparison.Ordinal);
            if (colon < 0 || !script.TrySet(line[..colon], line[(colon + 1)..].Trim()))
            {
                throw new FormatException($"\"{line}\": expected one of the x-fake-… headers and its value");
            }
        }

        return script;
    }

    /// <summary>
    /// Reads a request's headers; unknown <c>x-fake-…</c> names and bad values are faults, so that a test cannot misspell one.
    /// </summary>
    public static FakeScript Parse(IHeaderDictionary headers, FakeScript otherwise)
    {
        FakeScript? script = null;
        foreach (var (name, values) in headers)
        {
            if (!name.StartsWith("x-fake-", StringComparison.OrdinalIgnoreCase))
            {
                continue;
            }

            script ??= new FakeScript();
            foreach (var value in values)
            {
                if (!script.TrySet(name, value ?? ""))
                {
                    throw new FormatException($"\"{name}: {value}\" is no header of this program, or has no such value");
                }
            }
        }

        return script ?? otherwise;
    }

    private bool TrySet(string name, string value)
    {
        var key = name.ToLowerInvariant();
        if (key.StartsWith("x-fake-header", StringComparison.Ordinal) && value.IndexOf(':', StringComparison.Ordinal) is > 0 and var colon)
        {
            Headers.Add(new(value[..colon], value[(colon + 1)..].Trim()));
            return true;
        }

        switch (key)
        {
            case "x-fake-id":
                Id = value;
                return true;
            case "x-fake-body":
                Body = Encoding.UTF8.GetBytes(value);
                return true;
            case "x-fake-body-base64":
                Body = Convert.FromBase64String(value);
                return true;
            case "x-fake-content-type":
                ContentType = value;
                return true;
        }

        if (!int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var number))
        {
            return false;
        }

        switch (key)
        {
            case "x-fake-status":
                Status = number;
                break;
            case "x-fake-echo":
                Echo = number != 0;
                break;
            case "x-fake-delay-ms":
                Delay = TimeSpan.FromMilliseconds(number);
                break;
            case "x-fake-first-byte-delay-ms":
                FirstByteDelay = TimeSpan.FromMilliseconds(number);
                break;
            case "x-fake-early":
                Early = number != 0;
                break;
            case "x-fake-close":
                Close = number != 0;
                break;
            case "x-fake-size":
                Size = number;
                break;
            case "x-fake-gzip":
                Gzip = number != 0;
                break;
            case "x-fake-whitespace":
                Whitespace = number;
                break;
            case "x-fake-whitespace-ms":
                WhitespaceInterval = TimeSpan.FromMilliseconds(number);
                break;
            case "x-fake-chunked":
                Chunked = number != 0;
                break;
            case "x-fake-stream":
                Stream = number != 0;
                break;
            case "x-fake-events":
                Events = number;
                break;
            case "x-fake-interval-ms":
                Interval = TimeSpan.FromMilliseconds(number);
                break;
            case "x-fake-keepalives":
                KeepAlives = number;
                break;
            case "x-fake-keepalive-ms":
                KeepAliveInterval = TimeSpan.FromMilliseconds(number);
                break;
            case "x-fake-stall-after":
                StallAfter = number;
                break;
            case "x-fake-cut-after":
                CutAfter = number;
                break;
            case "x-fake-cut-at-byte":
                CutAtByte = number;
                break;
            case "x-fake-end-after":
                EndAfter = number;
                break;
            case "x-fake-error-after":
                ErrorAfter = number;
                break;
            case "x-fake-error":
                ErrorInside = number != 0;
                break;
            case "x-fake-split":
                Split = number;
                break;
            case "x-fake-split-ms":
                SplitInterval = TimeSpan.FromMilliseconds(number);
                break;
            default:
                return false;
        }

        return true;
    }
}
